"""How programs say in many languages that they answer for somebody: the words, as data."""

import re

# "Automatic reply" as mail programs write it at the head of a subject. Nobody begins a letter so.
_AUTOMATIC_REPLY = (
    r"auto[ -]?(?:reply|respon|svar|odpowied|antwort)|automat(?:ic(?:ally)?|ed) (?:reply|response|answer)",
    r"automatische[s]? (?:antwort|r[üu]ckmeldung)|autoantwort",  # German
    r"automatis(?:ch|k|kt) (?:antwoord|svar|svarsmeddelelse)|autosvar|automatiskt svar|sj[áa]lfvirkt svar",  # Dutch, Nordic
    r"r[ée]ponse automatique|message automatique",  # French
    r"respuesta autom[áa]tica|resposta autom[àáa]tica|erantzun automatikoa",  # Spanish, Portuguese, Catalan, Basque
    r"risposta automatica|r[ăa]spuns automat",  # Italian, Romanian
    r"automaattinen vastaus|automaatvastus|autom[aā]tisk[aā] atbilde|automatinis atsak",  # Finnish, Estonian, Latvian, Lithuanian
    r"odpowied[źz] automatyczna|automatyczna odpowied[źz]|automatick[áa] (?:odpov[eě][ďd]|odpove[ďd])",  # Polish, Czech, Slovak
    r"automatikus v[áa]lasz|automat(?:ski|ični) odgovor|samodejni odgovor",  # Hungarian, Croatian, Slovene
    r"аутоматски одговор|автоматический ответ|автоответ|автоматич(?:на|не) (?:відповідь|повідомлення)|автоматичен отговор|автоматски одговор",
    r"αυτόματη απάντηση|otomati̇?k yan[ıi]t|avtomatik cavab|respon(?:s)? otomatis|balasan (?:otomatis|automatik)|jawapan automatik",
    r"自動(?:返信|応答|回覆|答覆|回复)|自动(?:回复|答复|回覆)|자동 ?(?:응답|회신|답장)|trả lời tự động|ตอบกลับอัตโนมัติ|การตอบกลับอัตโนมัติ",
    r"(?:תגובה|תשובה) אוטומטית|מענה אוטומטי|رد تلقائي|تلقائي رد|الرد التلقائي|پاسخ خودکار|स्वचालित उत्तर|स्वतः उत्तर",
)
# "Out of office" and "absence notice"; in English people also write about the thing, so something must follow that they do not write.
_ABSENCE = (
    r"\bout[ -]of[ -](?:the[ -])?office(?=\s*(?:$|[:.(!]|-\s|auto|reply|response|notif|notice|message|re:|until|till|from|\d|returning|back|on))|\booo\b\s*(?:$|[:\-]|re:)",
    r"vacation(?: reply| notice|:| message)|away from (?:my|the) (?:mail|office|desk)|away notice|absence notice",
    r"abwesenheit|nicht im (?:haus|b[üu]ro)|absence du bureau|absente? du bureau|message d'absence|^absence\s?:|avis d'absence",
    r"fuera de (?:la )?oficina|fuori (?:ufficio|sede)|fora do escrit[oó]rio|aus[êe]ncia (?:tempor[áa]ria|do escrit[óo]rio)|afwezigheids(?:bericht|melding)|buiten kantoor",
    r"fr[åa]nvaro|frav[æe]rs?(?:melding|besked)?\b|poissaolo|nieobecno[śs][ćc]|poza biurem|mimo kancel[áa][řr]|mimo kancel[áa]rie|h[áa]zon k[íi]v[üu]l",
    r"[āa]rpus biroja|ne biure\b|kontorist v[äa]ljas|inte p[åa] kontoret|(?:ikke|ute) (?:p[åa]|av) kontoret|izvan ureda|вне офиса|поза офісом|[îi]n afara biroului|fora de l'oficina|di luar kantor|irod[áa]n k[íi]v[üu]l",
    r"об отсутствии|atbildes zi[nņ]a|promb[ūu]tn|ofis d[ıi][şs][ıi]|εκτός γραφείου|不在|부재",
)
# One word for being away, before a colon; or a person's sentence before the subject that it answers.
_AWAY = (
    r"^\s{0,9}(?:re:\s{0,9})?(?:abwesend|assente|afwezig|absente?|ausente|away|frånvarande|fraværende|poissa|nieobecn[ya]|nepřítomen|távol|odsutan)\s{0,9}:",
    r"\b(?:i am|i'm|i will be) (?:currently )?(?:on (?:vacation|holiday|leave)|away|out of (?:the )?office)\b.{0,40}\bre:",
)
SUBJECT = re.compile(
    r"^\s{0,9}(?:re:\s{0,9})?(?:\[?auto(?:mat(?:ic|ed|isch\w*|ique|ica|ico|yczn\w*))?[ :._-]{0,9}(?:re(?:ply|sponse|spuesta|posta)|response|answer|antwort|svar|generated)?\]?\s{0,9}[:\]-])"
    f"|{'|'.join(_AUTOMATIC_REPLY + _ABSENCE + _AWAY)}",
    re.IGNORECASE,
)
# Words of holidays, which people use in subjects too: they count when the text says the same, or the mail says what it is.
HOLIDAY = re.compile(
    r"on (?:vacation|holiday|leave)|(?:annual|maternity|paternity|parental|sick) leave|i(?: a|')m (?:currently )?(?:away|out of|on)|urlaub|abwesend|nepř[ií]tomn|neprítomn|távollét|odsotnost|odsutnost|відсутн|απουσία|nebūvim|en congés?|de vacaciones|en vacances|de férias|in ferie|afwezig|vakantie|semester|på ferie|urlop|dovolen|szabads[áa]g|atvaļinājum|atostog|puhkus|lomalla|poissa|tatil|izinde|отпуск|отсутстви|відпустк|odmor|dopust|concediu|休暇|休假|휴가",
    re.IGNORECASE,
)
# A person of the first grammatical person who is not there.
_ABSENT = (
    r"\b(?:i am|i'm|i will be|i'll be) (?:currently |still |now )?(?:away|out of (?:the )?office|on (?:\w+ )?(?:vacation|holiday|leave|maternity|parental)|not in the office|travell?ing)|out of (?:the )?office (?:until|from|till|between|this|with)|\[vacation message\]",
    r"bin (?:ich )?[^.\n]{0,40}(?:nicht im (?:haus|büro)|im urlaub|abwesend|nicht erreichbar)|befinde mich [^.\n]{0,40}urlaub|je suis [^.\n]{0,30}(?:absent|en congé|en vacances)",
    r"(?:estoy|estaré) [^.\n]{0,30}(?:fuera|de vacaciones|ausente)|(?:estou|estarei) [^.\n]{0,30}(?:fora|de férias|ausente)|(?:sono|sarò) [^.\n]{0,30}(?:assente|in ferie|fuori)|estic de vacances",
    r"ben (?:ik )?[^.\n]{0,30}(?:afwezig|vakantie)|jag är [^.\n]{0,30}(?:semester|borta|ledig)|jeg er [^.\n]{0,30}(?:ferie|ikke på)|ég er í (?:fríi|orlofi)|olen [^.\n]{0,30}(?:lomalla|poissa)",
    r"(?:jestem|będę|przebywam) [^.\n]{0,30}(?:na urlopie|nieobecn|poza)|j(?:se|so)m [^.\n]{0,30}(?:dovolen|mimo)|szabadságon|sunt în concediu|na godišnjem|sem na dopustu|на одмору|izindeyim|λείπω",
    r"esmu [^.\n]{0,30}(?:atvaļinājum|prombūtn)|atostogauju|esu [^.\n]{0,20}atostogose|olen puhkusel|(?:нахожусь|буду)?\s*в отпуске|у відпустці|в отпуск съм|sedang cuti",
    r"休暇|休假|不在|휴가|nghỉ phép|في إجازة|خارج المكتب",
)
ABSENT = re.compile("|".join(_ABSENT))
SAID_AUTOMATIC = re.compile(
    r"this is an? auto(?:mat(?:ic|ed))?[ -]?(?:generated )?(?:reply|response|answer|acknowledge)|(?:automatic|automated|auto-?generated) (?:reply|response|acknowledg)|dies ist eine automatische|ceci est (?:un message|une réponse) automatique|esta es una respuesta automática|esta é uma (?:resposta|mensagem) automática|questa è una risposta automatica"
    r"|dit is een automatisch (?:antwoord|bericht)|detta är ett automatiskt|dette er (?:et|en) automatisk|to jest (?:automatyczna|wiadomość automatyczna)|это автоматическ|これは自動"
)
# Whoever thanks for a mail, or says whom to ask in urgent cases, and is not there has not read it.
COURTESY = re.compile(
    r"(?:no|limited|without|little) access to (?:my )?e-?mail|(?:for|in) (?:any )?urgent|if (?:it is|this is|your \w+ is) urgent|(?:on|upon|after) my return|when i (?:return|get back|am back)"
    r"|in dringenden|en cas d.urgence|urgencia|dringende gevallen|casi urgenti|pilnych sprawach|срочным вопросам"
    r"|thank(?:s| you) for (?:your|the|contacting|getting|reaching|writing)|(?:danke?|dank) (?:für|voor)|merci (?:de|pour) vo(?:tre|s)|gracias por (?:su|tu|contactar)"
    r"|obrigad[oa] (?:pel[oa]|por)|grazie per|tack för|takk? for|kiitos|dzi[eę]kuj[eę] za|děkuji za|ďakujem za|köszönöm|mulțumesc pentru|hvala (?:za|na|vam)"
    r"|спасибо за|дякую за|благодаря за|paldies par|ačiū|aitäh|ευχαριστώ|teşekkür|terima kasih|メール.{0,10}ありがとう|感谢您的"
)
RECEIVED = re.compile(
    r"thank you for (?:your (?:e-?mail|message)|contacting)[^.\n]{0,80}(?:out of|away|respond|get back)|(?:we have|your (?:request|message|e-?mail) (?:has been|was)) received"
)
