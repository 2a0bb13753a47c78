"""Texts for the reference data: sentences in many languages, and strings made to break a tokenizer. Same ones every time."""
import random

SENTENCES = [
    "How do I reverse a linked list in Python without using extra memory?",
    "The weather in London is often grey, but today the sun came out at 3:45 p.m.",
    "Wie kann ich meine Straßenbahnkarte in München günstiger kaufen? Übermorgen fahre ich.",
    "Pourriez-vous m'aider à rédiger une lettre à mon propriétaire, s'il vous plaît ?",
    "¿Dónde está la biblioteca? Mañana tengo un examen de español muy difícil.",
    "Vorrei sapere perché il treno per Milano è sempre in ritardo.",
    "Você pode me explicar como funciona a declaração do imposto de renda?",
    "Ik wil graag een recept voor appeltaart van mijn grootmoeder.",
    "Jag undrar hur man lagar köttbullar på rätt sätt, och får åka till Åre.",
    "Kan du hjælpe mig med at skrive en ansøgning til et job i København?",
    "Minä haluaisin oppia suomea nopeasti, mutta kielioppi on vaikeaa.",
    "Czy możesz mi wyjaśnić, jak działa silnik spalinowy? Żółw źle śpi.",
    "Můžete mi prosím pomoci s překladem této věty do češtiny?",
    "Szeretném tudni, hogyan kell gulyást főzni, őszintén.",
    "Aş vrea să învăţ să programez în limba română, mulţumesc.",
    "Türkiye'de yaşayan insanlar İstanbul'u çok seviyor, ILIK bir gün.",
    "Привет! Как мне научиться играть на гитаре? Ёжик и ещё чай.",
    "Чи можете ви допомогти мені написати листа українською мовою?",
    "Можете ли да ми обясните как се прави баница?",
    "Μπορείτε να μου εξηγήσετε πώς λειτουργεί ο κινητήρας; ΟΔΥΣΣΕΥΣ",
    "مرحبا، كيف يمكنني تعلم البرمجة بسرعة؟ مُحَمَّد",
    "سلام، لطفاً به من بگویید چگونه نان بپزم؟",
    "שלום, איך אפשר ללמוד עברית? שָׁלוֹם",
    "कृपया मुझे बताइए कि चाय कैसे बनाते हैं। क़लम",
    "আমি বাংলায় একটি কবিতা লিখতে চাই।",
    "நான் தமிழில் ஒரு கதை எழுத விரும்புகிறேன்.",
    "ฉันอยากเรียนทำอาหารไทย ช่วยสอนหน่อยได้ไหม",
    "Làm thế nào để nấu phở bò ngon như ở Hà Nội? Tiếng Việt",
    "Bagaimana cara membuat nasi goreng yang enak di rumah?",
    "请问怎么用Python写一个快速排序算法？谢谢！",
    "請問如何在臺灣申請護照？",
    "東京から京都まで新幹線でどのくらいかかりますか。ガギグ パピプ",
    "한국어로 자기소개서를 쓰는 방법을 알려 주세요. 각각",
    "Nawezaje kujifunza kupika pilau nyumbani?",
    "Com puc aprendre a programar en català?",
    "როგორ ვისწავლო ქართული ენა?",
    "Ինչպե՞ս սովորել հայերեն։",
    "Bonjour, I am mixing English avec du français und ein bisschen Deutsch.",
    "def f(x): return x**2  # comment\n\tif a<=b && c||d: {\"k\": [1, 2]}",
    "https://example.com/a?b=c&d=%20#frag user@mail.org C:\\path\\file.txt",
]

HOSTILE = [
    "", " ", "\n\t\r ", "a", "...", "$^`~+=<>|", "[CLS] [SEP] <s></s><mask> <unk> <UNK> [UNK] [unk] <pad>[PAD][MASK]",
    "< mask > <ma<mask>sk> x<mask>y", "<\u00f9nk> <un\u0000k> <U\u0301NK>",
    "ab\u0000c\u200bd\u200ee\ufeff f\u00adg\u007fh\u0085i\u000bj\u000ck\u2028l\u3000m\ufffdn\ue000o",
    "a\u0301\u0327e\u0327\u0301 \u0344 \u1e9b\u0323 \ud55c \u1112\u1161\u11ab", "Z\u0300\u0316\u0300a\u0316" * 5,
    "\U0001d15e\U0001d165\U0001d16d\u302e\u302f\u302e", "𝒜𝔅 𝕏 𠀀𪚥 \U0002f800 豈更", "x" * 99, "x" * 100, "x" * 101,
    "é" * 100, "é" * 101, "漢" * 30, "\u1734\u166d\U000111c9\u2e43\u2e52\u061d\u1df6a\u0afa", "ﬁ ﬀ ½ x² Å ℃ ™",
    "👩‍👩‍👧‍👦 🏳️‍🌈 🇩🇪 ☺️ 🤷🏽", "a\u0300" * 60, "\u0316\u0300" * 60, "supercalifragilisticexpialidocious " * 3,
    "don't can't I'm “quoted” — dash … ellipsis", "1,234.56 €/kg 10^-3 50% #1", "İ I ı i SS ß ẞ Σ σ ς", "\U0010ffff\ufffe\u0378",
]


def mixed(count, seed):
    """Random strings: any character, pieces of the texts, and combining marks in any order."""
    r = random.Random(seed)
    letters = "".join(SENTENCES + HOSTILE)
    bricks = ["a", "e", " ", "\u0301", "\u0316", "\u0327", "\u05b0", "\u0e38", "\u1734", "\u0345", "b", "\u302e",
              "\U0001d165", "<unk>", "[SEP]", "<mask>", "漢", "\n", "ü"]
    out = []
    for i in range(count):
        n = r.randint(1, 24)
        if i % 4 == 0:
            out.append("".join(chr(r.choice([r.randrange(1, 0xd800), r.randrange(0xe000, 0x30000)])) for _ in range(n)))
        elif i % 4 == 1:
            out.append("".join(" " if r.random() < 0.2 else chr(r.randrange(1, 0x3000)) for _ in range(n)))
        elif i % 4 == 2:
            out.append("".join(r.choice(letters) for _ in range(n)))
        else:
            out.append("".join(r.choice(bricks) for _ in range(n)))
    return out
