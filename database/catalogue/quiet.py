"""Minimalist and everyday watches."""

from datetime import date

from database.catalogue.models import Collection, Text, Wear

COLLECTIONS = (
    Collection(
        brand="Kala Wening",
        name="Hening",
        language="id",
        since=date(2019, 2, 1),
        movement="quartz",
        water_resistance_m=30,
        price_idr=495_000,
        look="bezel=thin;index=line;hands=baton",
        dials=("white/matte", "ink/matte", "salmon/sunburst", "slate/sunburst", "jade/matte"),
        wears=(
            Wear("steel", 36, "mesh-steel"),
            Wear("steel", 36, "leather-tan"),
            Wear("steel", 40, "leather-black"),
        ),
        stories=(
            Text(
                "Hening menyisakan hanya yang perlu: dua belas garis, tiga jarum, dan ruang kosong "
                "yang menenangkan.",
                "Hening keeps only what is needed: twelve lines, three hands and an empty space "
                "that calms the eye.",
            ),
            Text(
                "Dengan tebal tidak sampai tujuh milimeter, Hening menyelip di balik manset tanpa "
                "terasa.",
                "Less than seven millimetres thick, Hening slips beneath a cuff unnoticed.",
            ),
        ),
    ),
    Collection(
        brand="Kala Wening",
        name="Senja",
        language="id",
        since=date(2021, 11, 1),
        movement="manual",
        water_resistance_m=30,
        price_idr=2_850_000,
        look="bezel=thin;index=line;hands=leaf;sub=small",
        dials=("copper/fume", "plum/fume", "champagne/sunburst"),
        wears=(
            Wear("steel", 38, "leather-brown"),
            Wear("steel", 38, "mesh-steel"),
            Wear("bronze", 38, "leather-sand"),
        ),
        stories=(
            Text(
                "Warna-warna Senja diambil dari langit pukul enam petang, ketika kota mulai "
                "melambat.",
                "The colours of Senja are taken from the sky at six in the evening, when the city "
                "begins to slow.",
            ),
            Text(
                "Memutar kenop Senja setiap pagi hanya butuh setengah menit, dan banyak pemiliknya "
                "menyebutnya saat terbaik hari itu.",
                "Winding Senja takes half a minute each morning, and many owners call it the best "
                "half minute of the day.",
            ),
        ),
    ),
    Collection(
        brand="Tindvik",
        name="Fjell",
        language="en",
        since=date(2020, 1, 1),
        movement="quartz",
        water_resistance_m=50,
        price_idr=1_650_000,
        look="bezel=smooth;index=baton;hands=baton;date=6",
        dials=("ice/sunburst", "white/linen", "graphite/matte", "forest/sunburst"),
        wears=(
            Wear("steel", 37, "leather-grey"),
            Wear("steel", 37, "mesh-steel"),
            Wear("steel", 41, "leather-navy"),
        ),
        stories=(
            Text(
                "Fjell digambar di bawah cahaya utara yang datar, maka setiap permukaannya dibuat "
                "agar terbaca tanpa silau.",
                "Fjell was drawn in flat northern light, so every surface is made to be read "
                "without glare.",
            ),
            Text(
                "Satu penanda ganda di angka dua belas sudah cukup untuk menuntun mata di dial "
                "yang begitu lapang.",
                "A single double marker at twelve is enough to guide the eye over so open a dial.",
            ),
        ),
    ),
    Collection(
        brand="Tindvik",
        name="Skerry",
        language="en",
        since=date(2024, 5, 1),
        movement="automatic",
        water_resistance_m=100,
        price_idr=6_100_000,
        look="shape=cushion;bezel=thin;index=baton;hands=pencil;lume=white;accent=orange",
        dials=("slate/brushed", "sky/matte", "ink/linen"),
        wears=(Wear("titanium", 38, "three-titanium"), Wear("titanium", 38, "nato-grey")),
        stories=(
            Text(
                "Skerry meminjam garis batu-batu kecil yang dihaluskan laut di lepas pantai utara.",
                "Skerry borrows its lines from the small rocks that the sea has smoothed off a "
                "northern coast.",
            ),
            Text(
                "Kepala jamnya hanya 41 gram, cukup ringan untuk dilupakan dan cukup kuat untuk "
                "dipakai mendayung.",
                "Its head weighs a mere 41 grams: light enough to forget, strong enough to row in.",
            ),
        ),
    ),
    Collection(
        brand="Bagaskara",
        name="Fajar",
        language="id",
        since=date(2021, 7, 1),
        movement="solar",
        water_resistance_m=100,
        price_idr=1_950_000,
        look="bezel=smooth;index=baton;hands=alpha;lume=white;date=3;mark=sun;text=solar",
        dials=("saffron/sunburst", "midnight/sunburst", "silver/sunburst", "forest/sunburst"),
        wears=(
            Wear("steel", 40, "three-steel"),
            Wear("steel", 40, "leather-brown"),
            Wear("titanium", 40, "nato-navy"),
        ),
        stories=(
            Text(
                "Fajar berarti permulaan, dan jam ini memang memulai harinya bersama cahaya "
                "pertama di jendela.",
                "Fajar means dawn, and this watch does begin its day with the first light at the "
                "window.",
            ),
            Text(
                "Sel surya tersembunyi di bawah dial yang tembus cahaya, tanpa mengorbankan "
                "kilaunya sedikit pun.",
                "The solar cell hides beneath a translucent dial without costing it any of its "
                "lustre.",
            ),
        ),
    ),
    Collection(
        brand="Bagaskara",
        name="Porselen",
        language="id",
        since=date(2025, 10, 1),
        movement="solar",
        water_resistance_m=50,
        price_idr=3_300_000,
        look="bezel=thin;index=baton;hands=pencil;lume=blue;mark=sun",
        dials=("lagoon/enamel", "coral/enamel", "ink/enamel"),
        wears=(Wear("white", 39, "rubber-white"), Wear("ceramic", 39, "rubber-black")),
        stories=(
            Text(
                "Porselen dibakar pada suhu 1.400 derajat hingga permukaannya sekeras safir dan "
                "selembut cangkang telur.",
                "The Porselen case is fired at 1,400 degrees until its surface is nearly as hard "
                "as sapphire and as smooth as an eggshell.",
            ),
            Text(
                "Keramiknya tidak memudar, tidak berkarat, dan tetap sejuk di bawah matahari "
                "khatulistiwa.",
                "Its ceramic does not fade, does not rust and stays cool under an equatorial sun.",
            ),
        ),
    ),
)
