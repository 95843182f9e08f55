"""How mail systems say in many languages that a mail came back or waits: the words, as data."""

import re

DAEMON = re.compile(r"mailer-?daemon|mail-daemon|mail delivery (?:sub)?system", re.IGNORECASE)
"""Nobody writes letters under this name (RFC 5321 4.5.5 gives reports no return path, but no name either: this one is custom since Sendmail)."""
FROM_DAEMON = re.compile(
    r"mailer-?daemon|post_master|mail delivery|postmaster|delivery (?:sub)?system|mail system|mail administrator|system administrator|^\W*<>|mdaemon|bounces?[@+-]|^ndr@|mail-daemon|undeliver|virus|gateway|imss@|delivery-?notif",
    re.IGNORECASE,
)
SUBJECT = re.compile(
    r"^ndn:|undeliver|non-?deliver|not deliver|returned (?:mail|message|to sender)|return(?:ing|ed) (?:message )?to sender|deliver(?:y|ing)[^\n]{0,40}(?:fail|problem|error|status|warning|delay|notif|incomplete|unsuccess)"
    r"|(?:mail|message|e-?mail)[^\n]{0,30}(?:could not|cannot|can't|not) be deliver|failure notice|failure notification|failed mail|mail (?:delivery )?(?:fail|error|status)|delivery report|delivery failed|failed delivery"
    r"|warning: (?:message|could not)|message status|mail system error|processing error|could not send|rejected mail|nicht zustell|unzustellbar|zur(?:ü|ue)ckgesand|non (?:remis|distribu)|impossible de remettre|no (?:se )?(?:ha )?entreg|devuelt|non recapita|mancato recapito"
    r"|niet bezorg|не доставлено|недостав|недоставк|niedorecz|nie dostarczo|zwrot|エラー|配信不能|配達不能|送信でき|returned mail|退信|投递失败|no se puede entregar|no se pudo entregar|imposs[ií]ble? (?:recapitar|entregar|remettre)|recapito|não (?:foi )?entregu|não é possível entregar|falha na entrega|onbestelbaar|kan (?:inte|ikke|niet) (?:lever|bezorg)|inte levereras|olevererbar|ikke leveret|ei voi(?:tu|da)? toimittaa|toimitus epäonnistui|niedostarcz|nedoručiteln|kézbesíthetetlen|teslim edilemedi|iletilemedi|не удается доставить|无法送达|未送达|無法傳遞|傳遞失敗|배달되지|배달할 수|반송|loop alert|mail failure|errors from|übermittlungsstatus|zustellungsstatus|état de (?:la )?(?:remise|distribution)|estado de (?:la )?entrega|stato (?:di|del) recapito|(?:status|estado) da entrega|состоянии доставки|bezorgingsstatus|leveransstatus|leveringsstatus|stan(?:ie|u) doręczenia|nelivrabil|δυνατή η παράδοση|недоставлен|neizporučiv|neisporučiv|配信状況|投递状态|傳送狀態",
    re.IGNORECASE,
)
BODY = re.compile(
    r"(?:could not|cannot|can not|can't|couldn't|was not|wasn't|not be|unable to be|has not been|have not been|not yet been|did not)[^.\n]{0,20} (?:deliver|reach|send|sent|receiv)"
    r"|(?:unable|not able|failed|failure|error|errors|problem|impossible)[^.\n]{0,40}\b(?:deliver|reach|sending|relay)|undeliver|delivery (?:has )?(?:failed|error|problem|attempts)|permanent (?:fatal )?error|returned to sender|could not be (?:delivered|sent|processed)"
    r"|final-recipient:|diagnostic-code:|transcript of session|was (?:automatically |not accepted|rejected)|does not exist|user unknown|unknown user|no such user|mailbox (?:is )?full|over quota|not accepting mail|invalid final delivery|rejected by|has been delayed|delivery of email"
    r"|(?:is|are) (?:not|no longer) (?:a )?(?:valid|active|known)|送信できませんでした|配信できません|не может быть доставлено|nicht zugestellt|не доставлено|duplicated message-id|\[failed\]|no message collected|failure reasons|wurde nicht [^.\n]{0,60}zugestellt|livrarea nu a reușit|η παράδοση απέτυχε|échec de la remise|recapito non riuscito|falha na entrega|levering[^.\n]{0,60}mislykkedes",
)
DELAY = re.compile(
    r"will be retried|will (?:continue to|keep) (?:try|attempt)|warning message only|warning only|just a warning|not yet been delivered|has been delayed|is delayed|have been delayed|delivery delayed|still being retried|will retry"
    r"|delivery attempts will continue|temporary failure report|(?:has|have) been postponed|will be attempted|(?:message|mail) (?:is|was) still|delivery incomplete|continue to be made|no action is required on your part",
)
DELAY_SUBJECT = re.compile(r"delay|warning: (?:message|could)|warning|still", re.IGNORECASE)
# The same in other languages than English, asked when English words were not found.
_ABROAD = (
    r"n'a pas pu [eê]tre (?:remis|d[ée]livr|distribu|livr|envoy|achemin)|[ée]chec de (?:la )?(?:remise|distribution|livraison)|non (?:remis|distribu[ée])",
    r"no (?:se )?(?:ha )?(?:pudo|podido|puede|pudimos) (?:ser )?(?:entreg|envi)|no (?:ha sido|fue|me ha sido) (?:posible )?entreg|error (?:al|en la) entreg",
    r"n[ãa]o (?:p[ôo]de|pode|foi|pude)[^.\n]{0,40} entreg|falha (?:na|ao) entreg",
    r"(?:konnte|konnten|kann|können) [^.\n]{0,60}nicht [^.\n]{0,60}(?:zugestellt|ausgeliefert|übermittelt)|unzustellbar|zustellung [^.\n]{0,40}(?:fehlgeschlagen|gescheitert|nicht möglich)",
    r"non (?:è stat|ha potuto|può|è stato possibile)[^.\n]{0,40} (?:recapitat|consegnat|consegnare|recapitare)|mancat[ao] (?:consegna|recapito)",
    r"(?:kon|kan|konden) (?:helaas )?niet [^.\n]{0,40}(?:bezorgd|afgeleverd)|onbestelbaar",
    r"(?:kunde|kunne|kan) (?:inte|ikke) [^.\n]{0,20}lever|ei voi(?:tu|da) toimittaa|toimitus epäonnistui",
    r"nie (?:mog[łl][aoy]|zosta[łl][aoy]|uda[łl]o)[^.\n]{0,40} (?:dostarcz|doręcz)|(?:nebylo možné|nepodařilo se|nemohla být|nepodarilo sa|nebolo možné)[^.\n]{0,40} doruč",
    r"nem (?:sikerült|lehetett)[^.\n]{0,20} kézbesít|kézbesít[^.\n]{0,40}(?:nem sikerült|sikertelen)|nu a putut fi livrat",
    r"teslim edileme|iletileme|gönderileme|δεν (?:ήταν δυνατή|μπόρεσε)[^.\n]{0,40}παρ[αά]δ",
    r"не (?:удалось|может быть|могло быть|было|был[ао]?)[^.\n]{0,40} достав|недостав|не (?:вдалося|може бути)[^.\n]{0,40} достав|не можа да бъде доставен",
    r"(?:无法|無法|未能)(?:送达|投递|发送|傳送|傳遞|投遞|送達|寄達)|(?:发送|投递|送达|發送|投遞|傳送)失[败敗]|被退回|退信",
    r"(?:配信|送信|配達|お届け)(?:が)?(?:でき|不能|失敗|エラー)|(?:발송|전송|전달|배달|배송)[^\n]{0,8}(?:실패|못|수 없|되지)|반송",
    r"không (?:thể )?(?:gửi|chuyển)(?: được)?|tidak dapat (?:dikirim|disampaikan|terkirim)|gagal (?:dikirim|terkirim)|ไม่สามารถส่ง",
    r"לא ניתן (?:היה )?למסור|تعذر (?:تسليم|توصيل)|لم يتم (?:تسليم|توصيل)|فشل (?:التسليم|في تسليم)",
)
BODY_ABROAD = re.compile("|".join(_ABROAD))
SUBJECT_ABROAD = re.compile("|".join(_ABROAD), re.IGNORECASE)
