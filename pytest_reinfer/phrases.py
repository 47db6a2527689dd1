"""The words that generated comments are made of: what Faker has not, in each language."""
# ruff: noqa: RUF001 - not ASCII on purpose

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Voice:
    """How people of one language write: fixed phrases, and the Faker locales that supply the rest.

    `{ref}` stands for a reference number, `{name}` for a person, `{firm}` for a company, `{phone}` for a phone number.
    """

    language: str  # as in a message's `language`
    weight: int  # per cent of threads
    people_locale: str
    words_locale: str
    greetings: tuple[str, ...]
    subjects: tuple[str, ...]
    openings: tuple[str, ...]
    answers: tuple[str, ...]
    closings: tuple[str, ...]
    sign_offs: tuple[str, ...]
    short: tuple[str, ...]
    reply_marks: tuple[str, ...] = ("Re: ", "RE: ")
    words: tuple[str, ...] | None = None  # where Faker has no words of this language
    space: str = " "  # between sentences


VOICES = (
    Voice(
        language="en",
        weight=60,
        people_locale="en_GB",
        words_locale="en_US",
        greetings=("Hello,", "Hi team,", "Dear Sir or Madam,", "Good morning,", "Hi there,"),
        subjects=(
            "Claim {ref} - missing document",
            "Urgent: payment for {ref} not received",
            "Order {ref}",
            "Change of address",
            "Query about invoice {ref}",
            "Complaint: delivery of {ref} (2nd attempt)",
            "Quote needed by Friday",
            "FW: {firm} / renewal {ref}",
        ),
        openings=(
            "I am still waiting for an answer about {ref}, which I sent you two weeks ago.",
            "Please find attached the documents for {ref}.",
            "Could you confirm that {ref} has been paid? Our bank shows nothing yet.",
            "We at {firm} have moved; please update our records before {ref} is renewed.",
            "The delivery under {ref} arrived damaged and two items are missing.",
            "What's the status of {ref}? I've called twice, and nobody could tell me.",
        ),
        answers=(
            "Thank you for your message. We have opened a case under {ref}.",
            "Apologies for the delay; {ref} is with our finance team now.",
            "Could you send us a copy of the signed form for {ref}?",
            "This has been resolved, and {ref} will be closed today.",
        ),
        closings=(
            "You can reach me on {phone}.",
            "Please let me know by the end of the week.",
            "Many thanks in advance for your help.",
            "If anything is unclear, please call {phone}.",
        ),
        sign_offs=("Kind regards,", "Best wishes,", "Many thanks,", "Yours faithfully,"),
        short=("Thanks!", "Any update on this?", "Please call me back on {phone}.", "Approved.", "See attached."),
    ),
    Voice(
        language="de",
        weight=7,
        people_locale="de_DE",
        words_locale="de_DE",
        greetings=("Guten Tag,", "Sehr geehrte Damen und Herren,", "Hallo zusammen,"),
        subjects=("Rückfrage zu {ref}", "Mahnung: Rechnung {ref}", "Adressänderung", "Schadenmeldung {ref}"),
        openings=(
            "ich warte noch immer auf eine Antwort zu {ref}.",
            "anbei erhalten Sie die Unterlagen zu {ref}.",
            "die Lieferung {ref} ist beschädigt angekommen; die Kosten (40 €) übernehmen wir nicht.",
        ),
        answers=(
            "vielen Dank für Ihre Nachricht. Wir prüfen {ref} und melden uns.",
            "zu {ref} fehlt uns noch das unterschriebene Formular.",
        ),
        closings=("Für Rückfragen erreichen Sie mich unter {phone}.", "Vielen Dank für Ihre Bemühungen."),
        sign_offs=("Mit freundlichen Grüßen", "Viele Grüße", "Beste Grüße"),
        short=("Danke!", "Gibt es Neuigkeiten?", "Bitte um Rückruf: {phone}."),
        reply_marks=("AW: ", "AW: ", "Re: "),
    ),
    Voice(
        language="fr",
        weight=7,
        people_locale="fr_FR",
        words_locale="fr_FR",
        greetings=("Bonjour,", "Madame, Monsieur,", "Bonjour à tous,"),
        subjects=(
            "Réclamation {ref}",
            "Facture n° {ref} impayée",
            "Changement d’adresse",
            "Demande de devis « {firm} »",
        ),
        openings=(
            "Je n’ai toujours pas reçu de réponse au sujet de {ref}.",
            "Veuillez trouver ci-joint les pièces du dossier {ref}.",
            "Le colis {ref} a été livré en retard et l’emballage était abîmé.",
        ),
        answers=(
            "Nous avons bien reçu votre message ; le dossier {ref} est en cours d’étude.",
            "Il nous manque le formulaire signé pour {ref}.",
        ),
        closings=("Vous pouvez me joindre au {phone}.", "Merci d’avance pour votre aide."),
        sign_offs=("Cordialement,", "Bien à vous,", "Salutations distinguées,"),
        short=("Merci !", "Où en est-on ?", "Merci de me rappeler au {phone}."),
    ),
    Voice(
        language="es",
        weight=6,
        people_locale="es_ES",
        words_locale="es_ES",
        greetings=("Buenos días:", "Hola a todos:", "Estimados señores:"),
        subjects=(
            "Reclamación {ref}",
            "Factura {ref} pendiente",
            "Cambio de dirección",
            "¿Cuándo llega el pedido {ref}?",
        ),
        openings=(
            "Todavía no he recibido respuesta sobre {ref}.",
            "Adjunto la documentación del expediente {ref}.",
            "¿Podrían confirmar el pago de {ref}? El año pasado ocurrió lo mismo.",
        ),
        answers=(
            "Gracias por su mensaje; estamos revisando {ref}.",
            "Nos falta el formulario firmado de {ref}.",
        ),
        closings=("Pueden llamarme al {phone}.", "Gracias de antemano por su atención."),
        sign_offs=("Un saludo,", "Atentamente,", "Saludos cordiales,"),
        short=("¡Gracias!", "¿Hay novedades?", "Llámenme al {phone}."),
    ),
    Voice(
        language="ja",
        weight=5,
        people_locale="ja_JP",
        words_locale="ja_JP",
        greetings=("お世話になっております。", "ご担当者様", "いつもありがとうございます。"),
        subjects=("{ref} の件", "【至急】請求書 {ref} について", "住所変更のお願い", "見積依頼（{firm}）"),
        openings=(
            "{ref} の件、まだご返答をいただいておりません。",
            "{ref} の書類を添付いたします。",
            "{ref} の商品が破損した状態で届きました。",
        ),
        answers=("ご連絡ありがとうございます。{ref} を確認しております。", "{ref} の署名済み書類をお送りください。"),
        closings=("お電話は {phone} までお願いいたします。", "よろしくお願いいたします。"),
        sign_offs=("敬具", "よろしくお願い申し上げます。"),
        short=("了解です。", "ありがとうございます！", "{phone} までお電話ください。"),
        space="",
    ),
    Voice(
        language="ru",
        weight=5,
        people_locale="ru_RU",
        words_locale="ru_RU",
        greetings=("Здравствуйте!", "Добрый день!", "Уважаемые коллеги,"),
        subjects=("Вопрос по {ref}", "Счёт {ref} не оплачен", "Смена адреса", "Жалоба: заказ №{ref}"),
        openings=(
            "Я до сих пор не получил ответа по {ref}.",
            "Во вложении документы по {ref}.",
            "Заказ {ref} пришёл повреждённым.",
        ),
        answers=("Спасибо за письмо, мы проверяем {ref}.", "Пришлите, пожалуйста, подписанную форму по {ref}."),
        closings=("Мой телефон: {phone}.", "Заранее спасибо за помощь."),
        sign_offs=("С уважением,", "Всего доброго,"),
        short=("Спасибо!", "Есть новости?", "Перезвоните мне: {phone}."),
    ),
    Voice(
        language="ar",
        weight=4,
        people_locale="ar_AA",
        words_locale="ar_AA",
        greetings=("السلام عليكم،", "تحية طيبة وبعد،"),
        subjects=("استفسار عن {ref}", "فاتورة {ref} غير مدفوعة", "تغيير العنوان"),
        openings=("لم أتلق ردا بعد بخصوص {ref}.", "تجدون مرفقا وثائق الطلب {ref}.", "وصلت الشحنة {ref} تالفة."),
        answers=("شكرا على رسالتكم، نحن نراجع {ref}.", "يرجى إرسال النموذج الموقع الخاص بـ {ref}."),
        closings=("يمكنكم الاتصال بي على {phone}.", "شكرا جزيلا على مساعدتكم."),
        sign_offs=("مع أطيب التحيات،", "وتفضلوا بقبول فائق الاحترام،"),
        short=("شكرا!", "هل من جديد؟", "اتصلوا بي على {phone}."),
    ),
    Voice(
        language="hi",
        weight=3,
        people_locale="hi_IN",
        words_locale="hi_IN",
        greetings=("नमस्ते,", "महोदय,"),
        subjects=("{ref} के बारे में", "बिल {ref} का भुगतान", "पता बदलना"),
        openings=("मुझे {ref} का जवाब अभी तक नहीं मिला है।", "{ref} के दस्तावेज़ साथ में भेज रहा हूँ।"),
        answers=("आपके संदेश के लिए धन्यवाद, हम {ref} की जाँच कर रहे हैं।", "कृपया {ref} का हस्ताक्षरित फ़ॉर्म भेजें।"),
        closings=("मेरा फ़ोन नंबर {phone} है।", "आपकी सहायता के लिए धन्यवाद।"),
        sign_offs=("सादर,", "भवदीय,"),
        short=("धन्यवाद!", "कोई नई जानकारी?", "कृपया {phone} पर फ़ोन करें।"),
        words=(
            "आज",
            "कल",
            "समय",
            "काम",
            "घर",
            "पैसा",
            "बैंक",
            "खाता",
            "रकम",
            "माल",
            "सामान",
            "ग्राहक",
            "सेवा",
            "कंपनी",
            "कार्यालय",
            "पत्र",
            "उत्तर",
            "प्रश्न",
            "समस्या",
            "समाधान",
            "दिन",
            "सप्ताह",
            "महीना",
            "साल",
            "नया",
            "पुराना",
            "बड़ा",
            "छोटा",
            "अच्छा",
            "सही",
            "गलत",
            "जल्दी",
            "देर",
            "पहले",
            "बाद",
            "साथ",
        ),
    ),
    Voice(
        language="zh",
        weight=3,
        people_locale="zh_CN",
        words_locale="zh_CN",
        greetings=("您好：", "尊敬的客服："),
        subjects=("关于 {ref} 的问题", "发票 {ref} 未付款", "更改地址"),
        openings=("关于 {ref}，我还没有收到答复。", "附件是 {ref} 的文件。", "{ref} 的货物到达时已损坏。"),
        answers=("感谢您的来信，我们正在处理 {ref}。", "请发送 {ref} 的签字表格。"),
        closings=("我的电话是 {phone}。", "谢谢您的帮助。"),
        sign_offs=("此致敬礼", "祝好"),
        short=("谢谢！", "有进展吗？", "请致电 {phone}。"),
        space="",
    ),
)

PROVIDERS = ("address", "company", "date_time", "internet", "lorem", "person", "phone_number")
TOP_LEVELS = ("example", "example.com", "example.org", "example.net", "co.example")  # nobody can own these
MAILBOXES = ("support", "claims", "orders", "service.desk", "info")
REF_PREFIXES = ("CLM-", "PO-", "INV-", "#", "REF/", "A")
FILES = (
    ("{ref}.pdf", "application/pdf"),
    ("scan_0001.PDF", "application/pdf"),
    ("photo of damage.jpg", "image/jpeg"),
    ("image001.png", "image/png"),
    ("Übersicht (final) v2.xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ("注文書.docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    ("export.csv", "text/csv"),
    ("winmail.dat", "application/ms-tnef"),
)
EMOJI = ("😀", "🙏", "👍🏽", "👩‍💻", "🇬🇧", "❤️", "😡", "📦")

LABELS = {
    "Claim": {"New": ("Missing Document", "Photo Needed"), "Status": ("Chaser",), "Closed": ("Reopened",), "Fraud": ()},
    "Payment": {"Late": ("First Reminder", "Final Notice"), "Refund": (), "Bank Details": ("IBAN Wrong",)},
    "Order": {"Amendment": ("Quantity", "Delivery Date"), "Cancellation": (), "Confirmation": (), "Missing Item": ()},
    "Complaint": {"Service": ("Rude", "No Answer"), "Product": ("Damaged",), "Price": ()},
    "Request": {"Quote": ("Urgent Quote",), "Callback": (), "Copy of Invoice": ("Year End",)},
    "Account": {"Change of Address": (), "Login": ("Locked Out", "Password"), "Closure": ("Moved Abroad",)},
    "Delivery": {"Late": ("Over a Week",), "Lost": (), "Customs": ("Duty", "Papers Missing")},
    "Urgent": {"Escalation": ("To Management",), "Deadline": (), "Chaser": ()},
}
FOREIGN_LABELS = ("Rückfrage", "Réclamation", "Prämie (€)", "苦情", "Año Nuevo", "Вопрос")
PUNCTUATED_LABELS = ("P&L / Margin", "Q&A: FAQ?", 'So-called "VIP"', "VAT (20%), net", "T&C's + Terms")
