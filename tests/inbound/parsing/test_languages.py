"""Bounces that mail systems write for people, in their languages: who did not get the mail, and why."""

from __future__ import annotations

from email.header import Header

import pytest

from posthouse.inbound.parsing.cards import Kind
from posthouse.inbound.parsing.reading import read

WRITTEN = (
    (
        "Mail Delivery Subsystem <mailer-daemon@googlemail.com>",
        "Delivery Status Notification (Failure)",
        "** Address not found **\n\nYour message wasn't delivered to jo@example.org because the address couldn't be found, or is unable to receive mail.\n\nThe response was:\n\n550 5.1.1 The email account that you tried to reach does not exist.",
        "userunknown",
    ),
    (
        "Mail Delivery Subsystem <mailer-daemon@googlemail.com>",
        "Benachrichtigung zum Übermittlungsstatus (Fehlgeschlagen)",
        "** Die Adresse wurde nicht gefunden **\n\nIhre Nachricht wurde nicht an jo@example.org zugestellt, weil die Adresse nicht gefunden wurde oder keine E-Mails empfangen kann.",
        "userunknown",
    ),
    (
        "postmaster@example.net",
        "Unzustellbar: Newsletter",
        "Fehler bei der Nachrichtenzustellung an folgende Empfänger oder Gruppen:\n\njo@example.org\nDie eingegebene E-Mail-Adresse konnte nicht gefunden werden. Überprüfen Sie die E-Mail-Adresse des Empfängers.",
        "userunknown",
    ),
    (
        "postmaster@example.net",
        "Non remis : Newsletter",
        "Échec de la remise à ces destinataires ou groupes :\n\njo@example.org\nL’adresse de messagerie que vous avez entrée est introuvable.",
        "userunknown",
    ),
    (
        "postmaster@example.net",
        "No se puede entregar: Boletín",
        "No se pudo entregar el mensaje a estos destinatarios o grupos:\n\njo@example.org\nNo se encontró la dirección de correo electrónico que especificó.",
        "userunknown",
    ),
    (
        "postmaster@example.net",
        "Non recapitabile: Notizie",
        "Recapito non riuscito per questi destinatari o gruppi:\n\njo@example.org\nImpossibile trovare l'indirizzo e-mail immesso.",
        "userunknown",
    ),
    (
        "postmaster@example.net",
        "Não é possível entregar: Boletim",
        "Falha na entrega a estes destinatários ou grupos:\n\njo@example.org\nNão foi possível encontrar o endereço de e-mail inserido.",
        "userunknown",
    ),
    (
        "postmaster@example.net",
        "Onbestelbaar: Nieuwsbrief",
        "De bezorging bij de volgende geadresseerden of groepen is mislukt:\n\njo@example.org\nHet ingevoerde e-mailadres is niet gevonden.",
        "userunknown",
    ),
    (
        "postmaster@example.net",
        "Niedostarczalne: Biuletyn",
        "Dostarczenie do następujących adresatów lub grup nie powiodło się:\n\njo@example.org\nNie można znaleźć wprowadzonego adresu e-mail.",
        "userunknown",
    ),
    (
        "postmaster@example.net",
        "Недоставлено: Новости",
        "Не удалось доставить сообщение следующим получателям или группам:\n\njo@example.org\nУказанный адрес электронной почты не найден.",
        "userunknown",
    ),
    (
        "postmaster@example.net",
        "配信不能: ニュース",
        "次の受信者またはグループへのメッセージの配信に失敗しました:\n\njo@example.org\n入力された電子メール アドレスが見つかりませんでした。",
        "userunknown",
    ),
    (
        "postmaster@example.net",
        "无法送达: 新闻",
        "无法传递给以下收件人或组:\n\njo@example.org\n找不到您输入的电子邮件地址。",
        "userunknown",
    ),
    (
        "postmaster@example.net",
        "배달되지 않음: 소식",
        "다음 받는 사람 또는 그룹에 메시지를 배달하지 못했습니다.\n\njo@example.org\n입력한 전자 메일 주소를 찾을 수 없습니다.",
        "userunknown",
    ),
    (
        "postmaster@example.net",
        "Olevererbart: Nyhetsbrev",
        "Det gick inte att leverera till följande mottagare eller grupper:\n\njo@example.org\nDet gick inte att hitta den e-postadress du angav.",
        "userunknown",
    ),
    (
        "postmaster@example.net",
        "Kan ikke leveres: Nyhedsbrev",
        "Levering til disse modtagere eller grupper mislykkedes:\n\njo@example.org\nDen angivne mailadresse blev ikke fundet.",
        "userunknown",
    ),
    (
        "postmaster@example.net",
        "Toimitus epäonnistui: Uutiset",
        "Toimitus seuraaville vastaanottajille epäonnistui:\n\njo@example.org\nAntamaasi sähköpostiosoitetta ei löytynyt.",
        "userunknown",
    ),
    (
        "postmaster@example.net",
        "Teslim edilemedi: Haberler",
        "Şu alıcılara veya gruplara teslim edilemedi:\n\njo@example.org\nGirdiğiniz e-posta adresi bulunamadı.",
        "userunknown",
    ),
    (
        "postmaster@example.net",
        "Nedoručitelné: Zprávy",
        "Doručení následujícím příjemcům nebo skupinám se nezdařilo:\n\njo@example.org\nZadaná e-mailová adresa nebyla nalezena.",
        "userunknown",
    ),
    (
        "postmaster@example.net",
        "Kézbesíthetetlen: Hírek",
        "Nem sikerült kézbesíteni a következő címzetteknek:\n\njo@example.org\nA megadott e-mail-cím nem található.",
        "userunknown",
    ),
    (
        "postmaster@example.net",
        "Nelivrabil: Știri",
        "Livrarea nu a reușit la acești destinatari sau grupuri:\n\njo@example.org\nAdresa de e-mail introdusă nu a fost găsită.",
        "userunknown",
    ),
    (
        "postmaster@example.net",
        "Δεν είναι δυνατή η παράδοση: Νέα",
        "Η παράδοση απέτυχε στους εξής παραλήπτες:\n\njo@example.org\nΗ διεύθυνση δεν βρέθηκε.",
        "userunknown",
    ),
    (
        "MAILER-DAEMON@qq.com",
        "系统退信/Systems bounce",
        "很遗憾，您的邮件被退回。\n收件人 jo@example.org\n退信原因: 收件人邮箱已满",
        "mailboxfull",
    ),
    (
        "Postmaster <postmaster@163.com>",
        "系统退信",
        "抱歉，您的邮件被退回来了……\n\n收件人：\njo@example.org\n退信原因：收件人不存在 User not exist",
        "userunknown",
    ),
    (
        "MAILER-DAEMON@yahoo.com",
        "Failure Notice",
        "Sorry, we were unable to deliver your message to the following address.\n\n<jo@example.org>:\n550: 5.1.1 <jo@example.org>: Recipient address rejected: User unknown",
        "userunknown",
    ),
    (
        "MDaemon@example.net",
        "Permanent Delivery Failure",
        "The attached message had PERMANENT fatal delivery errors.\n\nAfter one or more unsuccessful delivery attempts the attached message has been removed from the mail queue.\n\nFailed address: jo@example.org\n\n--> RCPT To:<jo@example.org>\n<-- 550 <jo@example.org>, Recipient unknown",
        "userunknown",
    ),
    (
        "System Administrator <postmaster@example.net>",
        "Undeliverable: News",
        "Your message\n\n  To:      jo@example.org\n  Subject: News\n\ndid not reach the following recipient(s):\n\njo@example.org on Mon, 3 Feb 2020\n    The e-mail account does not exist at the organization this message was sent to.\n    <mail.example.net #5.1.1>",
        "userunknown",
    ),
    (
        "Mail Administrator <postmaster@example.net>",
        "Mail System Error - Returned Mail",
        "This Message was undeliverable due to the following reason:\n\nThe user(s) account is disabled.\n\n        <jo@example.org>",
        "suspend",
    ),
    (
        "postmaster@example.net",
        "Delivery Failure",
        "The message could not be delivered to jo@example.org because the mailbox is full.",
        "mailboxfull",
    ),
    (
        "Mailer-Daemon@example.net",
        "Mail delivery failed: returning message to sender",
        "This message was created automatically by mail delivery software.\n\nA message that you sent could not be delivered to one or more of its\nrecipients. This is a permanent error. The following address(es) failed:\n\n  jo@example.org\n    host mx.example.org [192.0.2.1]\n    SMTP error from remote mail server after RCPT TO:<jo@example.org>:\n    550 5.1.1 User unknown",
        "userunknown",
    ),
    (
        "MAILER-DAEMON (Mail Delivery System) <MAILER-DAEMON@example.net>",
        "Delayed Mail (still being retried)",
        "This is the mail system at host mx.\n\n####\n# THIS IS A WARNING ONLY. YOU DO NOT NEED TO RESEND YOUR MESSAGE. #\n####\n\nYour message could not be delivered for more than 4 hour(s).\nIt will be retried until it is 5 day(s) old.\n\n<jo@example.org>: connect to mx.example.org[192.0.2.1]:25: Connection timed out",
        "expired",
    ),
)


def _mail(sender: str, subject: str, text: str, ends: str) -> bytes:
    head = f"From: {sender}\nTo: b@bounce.shop.example\nSubject: {Header(subject, 'utf-8').encode()}\n"
    return f"{head}Content-Type: text/plain; charset=utf-8\n\n{text}\n".replace("\r\n", "\n").replace("\n", ends).encode()


@pytest.mark.parametrize("written", WRITTEN, ids=[one[1] for one in WRITTEN])
def test_a_bounce_is_understood_in_its_language(written: tuple[str, str, str, str]) -> None:
    """Without a machine-readable part, and whatever ends the lines."""
    sender, subject, text, reason = written
    for ends in ("\n", "\r\n", "\r"):
        found = read(_mail(sender, subject, text, ends))
        assert (found.kind, [(one.recipient, one.reason) for one in found.outcomes]) == (Kind.BOUNCE, [("jo@example.org", reason)])
