//! The cue words. A row is one meaning; `|` separates words and phrases, a final `*` leaves the ending open.
//!
//! All in lower case, in English, German, French, Spanish, Russian, Chinese and Japanese, in this order. Longer entries win over shorter ones.

use super::Cue::{
    self, Ask, Constraint, Field as In, Leader, Or, Polar, PolarVerb, Quantity, Serious, Severe, Step, Vague,
    Verb,
};
use crate::task::{Field, Task};

pub(super) const TABLE: &[(Cue, &str)] = &[
    // Tasks.
    (
        Ask(Task::Chat),
        "hello|hi|hey|thanks|thank you|good morning|hallo|danke|guten tag|bonjour|merci|hola|gracias|привет|спасибо|你好|谢谢|こんにちは|ありがとう",
    ),
    (
        Ask(Task::Fact),
        "what is|what's|what are|what was|what were|who|whose|when|where|which|what year|what does|what do|define|meaning of|wer|wann|wo|welche*|was ist|was sind|was war|was bedeutet|wie heißt|qui|quand|où|quel*|qu'est-ce que|c'est quoi|quién*|cuándo|dónde|cuál*|qué es|qué significa|кто|когда|где|что такое|какая|какой|какое|какова|谁|什么时候|哪里|哪个|什么是|是什么|誰|いつ|どこ|とは何|何ですか",
    ),
    (Verb(Task::Fact), "name|nenne|list the|nomme*|nombra|назови|列出"),
    (
        Ask(Task::Translation),
        "translate|translation of|how do you say|übersetz*|traduis|traduisez|traduire|traduce|traducir|traduzca|переведи*|翻译|翻訳|訳して",
    ),
    (
        Verb(Task::Summary),
        "summarize|summarise|summary of|sum up|tl;dr|fass*|zusammenfass*|résume*|resume|resumir|кратко изложи|резюмируй|总结|概括|要約",
    ),
    (
        Verb(Task::Rewrite),
        "rewrite|rephrase|paraphrase|proofread|correct the|fix the grammar|shorten|polish|umformulier*|formuliere um|korrigier*|kürze|réécri*|reformule*|corrige*|reescrib*|перефразируй|перепиши|исправь|改写|润色|修改|校正|言い換え|書き直",
    ),
    (
        Verb(Task::Extraction),
        "extract|classify|categorize|label|tag|convert|format|sort|extrahier*|klassifizier*|wandle|extrais|extrai*|classe*|extrae*|clasifica*|извлеки|классифицируй|提取|分类|抽出|分類",
    ),
    (
        Verb(Task::Ideas),
        "brainstorm|suggest names|give me ideas|list ideas|ideas for|ideen für|donne-moi des idées|ideas para|предложи идеи|придумай|想法|アイデア",
    ),
    (
        Verb(Task::Writing),
        "write|draft|compose|tell me a story|schreib*|verfass*|dichte|écri*|rédige*|escrib*|redacta*|напиши|сочини|写一|撰写|書いて|作文",
    ),
    (
        Ask(Task::Explanation),
        "why|how does|how do|how can|how to|how is|how are|explain|describe|teach me|warum|wieso|weshalb|wie funktioniert|wie kann|erklär*|beschreib*|erläuter*|pourquoi|comment|expliqu*|décri*|por qué|cómo|explica*|почему|зачем|как|объясни*|опиши|为什么|怎么|如何|解释|说明|なぜ|どうして|どうやって|説明して",
    ),
    (
        Ask(Task::Comparison),
        "compare|comparison|difference between|differences between|versus|vs|vergleich*|unterschied*|compar*|différence*|diferencia*|сравни*|разниц*|отличие|отличается|比较|区别|比較|違い",
    ),
    (
        Verb(Task::Calculation),
        "calculate|compute|solve|evaluate the integral|integrate|differentiate|find the value|find all|determine the|simplify|factor|berechne*|löse|bestimme|calcul*|résou*|resuelv*|halla|вычисли*|реши*|посчитай|найди|计算|求解|解方程|求出|求值|計算|解け|解いて|求めよ|求めて",
    ),
    (
        Ask(Task::Proof),
        "prove|proof that|show that|disprove|derive|beweis*|zeige, dass|démontre*|prouve*|montre* que|demuestr*|докажи*|доказать|证明|証明",
    ),
    (
        Verb(Task::Coding),
        "implement|write code|write a program|write a function|write a script|write a python|write a rust|write a sql|write an sql|write a regex|code a|program a|refactor|implementier*|programmier*|schreibe eine funktion|schreib eine funktion|implémente*|programme*|écris une fonction|écris un programme|implementa*|programa*|escribe una función|escribe un programa|реализуй|запрограммируй|напиши функцию|напиши программу|编程|实现|写一个函数|写一个程序|写代码|実装|プログラム",
    ),
    (
        Ask(Task::Debugging),
        "debug|fix the bug|fix this bug|find the bug|fix this code|stack trace|traceback|doesn't work|does not work|fails with|error message|fehlermeldung|funktioniert nicht|ne fonctionne pas|message d'erreur|no funciona|mensaje de error|не работает|ошибка в коде|исправь код|调试|报错|修复|デバッグ|バグ|エラー",
    ),
    (
        Ask(Task::Advice),
        "should i|should we|should my|what should|can i|may i|recommend*|advise|advice|what would you|is it better|is it worth|pros and cons|trade-off*|tradeoff*|soll ich|sollen wir|sollte*|empfiehl*|empfehl*|lohnt es sich|vor- und nachteile|darf ich|dois-je|devrais-je|devons-nous|recommand*|conseil*|avantages et inconvénients|puis-je|debo|debería*|recomienda*|ventajas y desventajas|puedo|стоит ли|следует ли|посовету*|порекоменду*|плюсы и минусы|можно ли|应该|建议|推荐|利弊|优缺点|べき|おすすめ|メリットとデメリット",
    ),
    (
        Verb(Task::Analysis),
        "analyze|analyse|assess|evaluate|critique|review|investigate|diagnose|discuss|argue|analysier*|bewerte*|beurteil*|diskutier*|untersuche*|analysez|analyser|évalue*|discute*|analiza*|evalúa*|проанализируй|оцени|обсуди|分析|评估|论述|評価|考察|論じ",
    ),
    (
        Ask(Task::Research),
        "literature review|state of the art|systematic review|survey the|research the|what does the evidence|what evidence|forschungsstand|literaturübersicht|état de l'art|revue de littérature|estado del arte|revisión bibliográfica|обзор литературы|文献综述|研究现状|先行研究",
    ),
    (
        Verb(Task::Planning),
        "plan|create a plan|make a plan|develop a plan|develop a strategy|roadmap|create a roadmap|propose a strategy|organize|plane|erstelle einen plan|entwickle einen plan|entwickle eine strategie|planifi*|élabore un plan|élabore une stratégie|planea*|elabora un plan|elabora una estrategia|спланируй|составь план|разработай план|разработай стратегию|规划|制定计划|制定一个|計画を立て|計画して|戦略を立て",
    ),
    (
        Verb(Task::Design),
        "design|architect a|architect an|develop|devise|build|create an architecture|propose an architecture|how would you design|model a|entwirf|entwerfe*|entwickle|konzipier*|gestalte|conçois|concev*|développe*|propose une architecture|diseñ*|desarrolla*|propón una arquitectura|спроектируй*|разработай*|спроектировать|разработать|设计|构建|搭建|設計|構築",
    ),
    (
        Leader,
        "please|and|then|you|now|also|help me|help us|let's|could you|can you|would you|i want to|i need to|we want to|we need to|we must|i need you to|your task is to|bitte|und|dann|kannst du|können sie|hilf mir|ich möchte|wir möchten|et|s'il te plaît|s'il vous plaît|peux-tu|pouvez-vous|aide-moi à|je veux|nous voulons|por favor|y|puedes|ayúdame a|quiero|queremos|necesito|пожалуйста|и|помоги|можешь|мне нужно",
    ),
    // Fields.
    (
        In(Field::Software),
        "software|microservice*|architect*|scalab*|kubernetes|docker|container*|database*|sql|postgres*|redis|kafka|api|apis|graphql|grpc|backend|frontend|server*|cloud|aws|azure|deploy*|latency|throughput|cach*|queue*|load balanc*|distributed|concurren*|thread*|mutex|deadlock*|async*|compiler*|algorithm*|data structure*|python|rust|java|javascript|typescript|golang|c++|class|function|code|codebase|unit test*|git|ci/cd|devops|encryption|oauth|authentication|event sourcing|event-driven|monolith*|schema|data pipeline*|analytics|tcp|udp|http|https|linux|regex*|json|yaml|mikrodienst*|skalierbar*|datenbank*|softwarearchitektur|programm|schnittstelle*|logiciel*|base de données|microservicio*|escalable*|évolutive|arquitectura*|base de datos|программ*|архитектур*|микросервис*|масштабируем*|база данных|базы данных|код|сервер*|微服务|架构|可扩展|数据库|软件|代码|分布式|算法|系统|マイクロサービス|アーキテクチャ|スケーラブル|データベース|ソフトウェア|コード|システム",
    ),
    (
        In(Field::Mathematics),
        "equation*|integral*|derivative*|matrix|matrices|eigenvalue*|prime|primes|theorem*|lemma|polynomial*|probabilit*|triangle*|circle|radius|perimeter|rectangle*|geometr*|algebra*|calculus|modulo|divisib*|divisor*|integer*|real number*|irrational|rational|logarithm*|sum of|product of|square root*|permutation*|combinatori*|vector space*|topolog*|group theory|converge*|limit of|average speed|mph|km/h|per hour|percent*|ratio|gleichung*|ableitung*|primzahl*|wahrscheinlich*|dreieck*|wurzel|ganze zahl*|équation*|dérivée*|nombre premier|nombres premiers|triangle rectangle|ecuaci*|derivada*|número primo|números primos|triángulo*|raíz|уравнени*|производн*|простое число|простых чисел|вероятност*|треугольник*|корень|интеграл*|方程|导数|几何|质数|素数|概率|三角形|积分|无理数|整数|方程式|微分|確率|積分|無理数",
    ),
    (
        In(Field::Business),
        "business*|market*|revenue*|profit*|customer*|startup*|pricing|price|sales|strategy|strategic|investor*|budget*|roi|kpi*|supply chain|churn|stakeholder*|competitor*|b2b|saas|growth|merger*|acquisition*|brand*|go-to-market|cash flow|forecast*|unternehmen*|umsatz*|gewinn|kunde*|markteintritt*|vertrieb*|entreprise*|marché*|chiffre d'affaires|client|clients|empresa*|mercado*|ingresos|cliente*|ventas|бизнес*|рынок|рынк*|выручк*|клиент*|продаж*|прибыл*|市场|营收|利润|客户|创业|商业|销售|市場|売上|利益|顧客|ビジネス|経営",
    ),
    (
        In(Field::Research),
        "study|studies|evidence|hypothes*|experiment*|clinical trial*|meta-analysis|peer-reviewed|literature|citation*|sources|scientific|scientist*|physics|chemistry|biology|quantum|molecul*|protein*|gene|genes|climate|neuro*|histor*|econom*|psycholog*|statistical*|sample size|p-value|methodolog*|studie|studien|forschung*|wissenschaft*|klima*|étude|études|scientifique*|recherche*|estudio*|científic*|investigación|исследован*|научн*|гипотез*|эксперимент*|研究|实验|证据|科学|气候|量子|実験|証拠|論文|気候",
    ),
    (
        In(Field::Writing),
        "poem*|haiku|essay*|story|short story|novel*|blog post*|email|e-mail|letter|speech|tone|headline*|slogan*|lyrics|script|cover letter|press release|metaphor*|gedicht*|aufsatz|geschichte|brief|rede|poème*|lettre|histoire|discours|dissertation|poema*|carta|cuento*|ensayo*|discurso|стихотворени*|стих|эссе|рассказ|письмо|речь|诗|文章|故事|作文题|邮件|小说|詩|小説|手紙|物語|俳句",
    ),
    // What makes a question demanding.
    (
        Constraint,
        "must|must not|without|at least|at most|no more than|no less than|within|under|only|exactly|constraint*|requirement*|budget of|deadline|comply|compliant|compliance|gdpr|high availability|fault-toleran*|low latency|real-time|secure|offline|given that|subject to|assuming|muss|müssen|darf nicht|ohne|mindestens|höchstens|innerhalb|anforderung*|dsgvo|vorgabe*|doit|doivent|sans|au moins|au plus|contrainte*|exigence*|rgpd|debe|deben|al menos|como máximo|restricci*|requisito*|должен|должна|должно|должны|без|не менее|не более|ограничени*|требовани*|必须|不能|至少|最多|不超过|要求|限制|约束|以内|しなければ|なければならない|少なくとも|以下|以上|制約|条件",
    ),
    (
        Vague,
        "best|better|good|great|optimal*|efficient*|effective*|robust|modern|appropriate|suitable|reasonable|ideal|improve|flexible|innovative|sustainable|beste*|besser*|gut|gute|guten|effizient*|geeignet*|sinnvoll*|nachhaltig*|meilleur*|efficace*|approprié*|durable|mejor*|óptim*|eficiente*|adecuad*|лучш*|оптимальн*|эффективн*|подходящ*|最好|最佳|最优|合适|高效|改进|最適|最高の|効率的|適切",
    ),
    (
        Step,
        "step by step|first|second|next|after that|finally|steps|phase*|schritt für schritt|zuerst|danach|anschließend|schließlich|étape par étape|d'abord|ensuite|enfin|paso a paso|primero|después|luego|шаг за шагом|сначала|затем|потом|наконец|一步一步|首先|然后|接着|最后|まず|次に|最後に|段階",
    ),
    // The form of the answer.
    (
        Quantity,
        "how many|how much|how old|how long|how far|how tall|how often|what number|what percentage|how fast|wie viel*|wieviel*|wie alt|wie lange|wie hoch|wie weit|combien|quel âge|cuánt*|qué edad|сколько|多少|几个|几岁|几天|多大|多长|几|いくつ|いくら|何人|何個|何本|何時間|何歳|何日|何年|何回|何円",
    ),
    (
        Polar,
        "is it true|true or false|yes or no|is it correct|is it possible|stimmt es|ist es wahr|wahr oder falsch|ja oder nein|est-ce vrai|est-ce que|vrai ou faux|oui ou non|es cierto|es verdad|verdadero o falso|sí o no|правда ли|верно ли|да или нет|является ли|是否|吗|对不对|是不是|本当ですか|正しいですか",
    ),
    (
        PolarVerb,
        "is|are|was|were|does|do|did|has|have|ist|sind|war|hat|haben|est-il|est-elle|sont-ils|es|son|fue|tiene",
    ),
    (Or, "or|oder|ou|o|или|还是|或者|それとも|または"),
    // The price of being wrong.
    (
        Severe,
        "overdose*|suicid*|chest pain|heart attack|having a stroke|poison*|lethal|dosage*|daily dose|maximum dose|pregnan*|drug interaction*|ibuprofen|warfarin|paracetamol|acetaminophen|insulin|antibiotic*|allergic|anaphyla*|explosive*|überdosis|brustschmerz*|herzinfarkt|schlaganfall|dosierung*|schwanger*|wechselwirkung*|vergift*|surdose|douleur thoracique|crise cardiaque|posologie|enceinte|sobredosis|dolor en el pecho|infarto|dosis|embarazada|передозировк*|инфаркт|инсульт|дозировк*|беременн*|боль в груди|过量|胸痛|心脏病|剂量|怀孕|中毒|中风|過剰摂取|胸の痛み|心臓発作|妊娠|服用量",
    ),
    (
        Serious,
        "medical|medicine|medication*|diagnos*|symptom*|treatment*|therapy|disease*|cancer|surgery|doctor|patient|patients|legal*|lawsuit*|lawyer|contract*|liabilit*|court|visa|immigration|tax|taxes|invest|investing|investment*|mortgage*|loan*|pension*|retirement|insurance|bankrupt*|stocks|crypto*|safety|hazard*|security|vulnerabilit*|password*|production database|nuclear|aircraft|medikament*|medizin*|krankheit*|behandlung*|rechtlich*|vertrag*|haftung|klage|steuer*|kredit*|hypothek*|altersvorsorge|sicherheit*|médicament*|maladie*|traitement*|juridique*|contrat*|impôt*|prêt|sécurité|medicamento*|enfermedad*|tratamiento*|contrato*|impuesto*|inversión|invertir|hipoteca*|seguridad|лекарств*|болезн*|лечени*|договор*|суд|налог*|инвести*|кредит*|ипотек*|безопасност*|药|疾病|治疗|症状|合同|法律|税|投资|贷款|安全|薬|病気|治療|契約|法的|税金|投資|融資",
    ),
];
