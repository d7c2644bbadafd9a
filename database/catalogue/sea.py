"""Divers' and travellers' watches."""

from datetime import date

from database.catalogue.models import Collection, Text, Wear

COLLECTIONS = (
    Collection(
        brand="Samudra",
        name="Penyelam 200",
        language="id",
        since=date(2019, 5, 1),
        movement="automatic",
        water_resistance_m=200,
        price_idr=6_400_000,
        look="bezel=dive;index=dot;hands=sword;lume=mint;accent=orange;date=3;mark=wave;text=200 m",
        dials=("midnight/waves", "ink/matte", "forest/fume", "lagoon/sunburst"),
        wears=(
            Wear("steel", 42, "rubber-black"),
            Wear("steel", 42, "three-steel"),
            Wear("bronze", 42, "leather-cognac"),
        ),
        stories=(
            Text(
                "Penyelam 200 lahir di bengkel kecil tepi pelabuhan dan diuji di arus Selat Lombok "
                "sebelum dijual kepada siapa pun.",
                "The Penyelam 200 was born in a small harbour workshop and tested in the currents "
                "of the Lombok Strait before anyone could buy one.",
            ),
            Text(
                "Bezel satu arah dengan 120 klik dapat diputar mantap bahkan dengan sarung tangan "
                "selam yang basah.",
                "The unidirectional 120-click bezel turns with certainty even under a wet diving "
                "glove.",
            ),
        ),
    ),
    Collection(
        brand="Samudra",
        name="Palung 300",
        language="id",
        since=date(2022, 3, 1),
        movement="automatic",
        water_resistance_m=300,
        price_idr=9_800_000,
        look="shape=cushion;bezel=dive;index=dot;hands=pencil;lume=blue;accent=yellow;mark=wave;"
        "text=300 m",
        dials=("coral/sunburst", "petrol/fume", "graphite/brushed"),
        wears=(
            Wear("titanium", 44, "three-titanium"),
            Wear("titanium", 44, "rubber-orange"),
            Wear("ceramic", 44, "rubber-black"),
        ),
        stories=(
            Text(
                "Dinamai menurut palung laut di selatan Jawa, Palung 300 dibuat untuk penyelam "
                "yang turun lebih dalam dan tinggal lebih lama.",
                "Named after the ocean trench south of Java, the Palung 300 is made for divers who "
                "go deeper and stay longer.",
            ),
            Text(
                "Bentuk bantalnya membagi bobot di pergelangan, sehingga Palung 300 terasa jauh "
                "lebih kecil daripada ukurannya.",
                "Its cushion shape spreads the weight over the wrist, so the Palung 300 wears far "
                "smaller than its size suggests.",
            ),
        ),
    ),
    Collection(
        brand="Samudra",
        name="Bahari GMT",
        language="id",
        since=date(2023, 9, 1),
        movement="automatic",
        water_resistance_m=200,
        price_idr=11_200_000,
        look="bezel=gmt;index=dot;hands=sword;lume=mint;accent=red;date=3;sub=gmt;mark=wave",
        dials=("ink/sunburst", "midnight/sunburst", "burgundy/fume"),
        wears=(
            Wear("steel", 41, "five-steel"),
            Wear("steel", 41, "rubber-navy"),
            Wear("titanium", 41, "three-titanium"),
        ),
        stories=(
            Text(
                "Jarum keempat menunjukkan waktu rumah dalam 24 jam, agar pelaut tahu kapan "
                "keluarganya sudah bangun.",
                "A fourth hand keeps home time on a 24-hour scale, so that a sailor knows when the "
                "family is awake.",
            ),
            Text(
                "Bahari GMT menemani awak kapal yang melintasi zona waktu lebih sering daripada "
                "mereka berganti baju.",
                "The Bahari GMT keeps company with crews who cross time zones more often than "
                "they change shirts.",
            ),
        ),
    ),
    Collection(
        brand="Kurohama",
        name="Tidewater",
        language="en",
        since=date(2020, 6, 1),
        movement="automatic",
        water_resistance_m=200,
        price_idr=7_900_000,
        look="bezel=dive;index=baton;hands=alpha;lume=vintage;mark=ring;text=automatic",
        dials=("ink/sunburst", "sand/matte", "plum/fume"),
        wears=(
            Wear("steel", 39, "mesh-steel"),
            Wear("steel", 39, "nato-sand"),
            Wear("bronze", 39, "leather-tan"),
        ),
        stories=(
            Text(
                "Tidewater menghidupkan kembali proporsi ramping jam selam tahun enam puluhan, "
                "lengkap dengan lume berwarna krem tua.",
                "Tidewater brings back the slim proportions of a sixties diver, down to the aged "
                "cream of its lume.",
            ),
            Text(
                "Digambar di kota pantai berpasir hitam, Tidewater terlihat pantas di dermaga "
                "maupun di meja makan malam.",
                "Drawn in a town of black-sand beaches, Tidewater looks as right on the jetty as "
                "it does at dinner.",
            ),
        ),
    ),
    Collection(
        brand="Kurohama",
        name="Driftline",
        language="en",
        since=date(2024, 2, 1),
        movement="solar",
        water_resistance_m=100,
        price_idr=3_450_000,
        look="bezel=coin;index=dot;hands=pencil;lume=white;accent=teal;date=6;mark=ring;text=solar",
        dials=("sky/sunburst", "petrol/waves", "white/matte"),
        wears=(
            Wear("steel", 38, "rubber-navy"),
            Wear("steel", 38, "three-steel"),
            Wear("titanium", 38, "nato-grey"),
        ),
        stories=(
            Text(
                "Driftline dirancang untuk akhir pekan panjang di pantai: tidak perlu disetel, "
                "tidak perlu dikhawatirkan.",
                "Driftline is meant for long weekends by the sea: nothing to set, nothing to worry "
                "about.",
            ),
            Text(
                "Tepi bezel bergerigi halus mengingatkan pada garis pasang yang ditinggalkan ombak "
                "di pasir.",
                "The finely milled edge of its bezel recalls the line a tide leaves in the sand.",
            ),
        ),
    ),
)
