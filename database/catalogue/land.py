"""Field watches."""

from datetime import date

from database.catalogue.models import Collection, Text, Wear

COLLECTIONS = (
    Collection(
        brand="Bentala",
        name="Rimba",
        language="id",
        since=date(2020, 4, 1),
        movement="quartz",
        water_resistance_m=100,
        price_idr=1_250_000,
        look="bezel=smooth;index=field;hands=syringe;lume=mint;accent=red",
        dials=("moss/matte", "ink/matte", "sand/matte", "chestnut/fume"),
        wears=(
            Wear("steel", 38, "nato-green"),
            Wear("steel", 38, "leather-brown"),
            Wear("titanium", 38, "nato-sand"),
        ),
        stories=(
            Text(
                "Rimba menemani penjaga hutan yang membutuhkan jam yang terbaca saat fajar dan "
                "tahan terhadap lumpur.",
                "Rimba goes with forest rangers who need a watch that can be read at dawn and "
                "does not mind mud.",
            ),
            Text(
                "Skala 24 jam di lingkar dalam memudahkan siapa pun yang menghitung hari dengan "
                "cara lapangan.",
                "A 24-hour scale on the inner ring serves anyone who counts the day the way it is "
                "done in the field.",
            ),
        ),
    ),
    Collection(
        brand="Bentala",
        name="Jejak Surya",
        language="id",
        since=date(2023, 5, 1),
        movement="solar",
        water_resistance_m=200,
        price_idr=2_650_000,
        look="bezel=coin;index=arabic;hands=sword;lume=white;date=3;accent=orange;mark=leaf;text=solar",
        dials=("forest/sunburst", "saffron/matte", "slate/matte"),
        wears=(
            Wear("steel", 40, "rubber-green"),
            Wear("steel", 40, "nato-black"),
            Wear("titanium", 40, "three-titanium"),
        ),
        stories=(
            Text(
                "Jejak Surya dibuat untuk pendakian berhari-hari, ketika stopkontak terakhir sudah "
                "jauh di lembah.",
                "Jejak Surya is made for treks of many days, when the last socket is far below in "
                "the valley.",
            ),
            Text(
                "Dari puncak Rinjani hingga halaman kantor, cahaya yang ada selalu cukup untuk "
                "menjalankannya.",
                "From the rim of Rinjani to the office courtyard, there is always light enough to "
                "run it.",
            ),
        ),
    ),
    Collection(
        brand="Ashgrove & Pell",
        name="Fellwalker",
        language="en",
        since=date(2019, 11, 1),
        movement="automatic",
        water_resistance_m=100,
        price_idr=7_200_000,
        look="bezel=smooth;index=field;hands=sword;lume=vintage",
        dials=("moss/fume", "ivory/matte", "midnight/matte", "burgundy/matte"),
        wears=(
            Wear("steel", 38, "leather-cognac"),
            Wear("steel", 38, "nato-grey"),
            Wear("bronze", 38, "leather-green"),
        ),
        stories=(
            Text(
                "Fellwalker meneruskan tradisi jam lapangan Inggris: jujur, tahan banting, dan "
                "semakin tampan ketika tergores.",
                "Fellwalker carries on the English field watch: honest, hard-wearing and all the "
                "handsomer for its scratches.",
            ),
            Text(
                "Dirakit satu per satu oleh orang yang sama dari awal hingga akhir, dengan "
                "inisialnya di balik tutup belakang.",
                "Each one is assembled by the same person from start to finish, whose initials are "
                "inside the case back.",
            ),
        ),
    ),
    Collection(
        brand="Ashgrove & Pell",
        name="Drover",
        language="en",
        since=date(2023, 1, 1),
        movement="manual",
        water_resistance_m=50,
        price_idr=8_700_000,
        look="shape=cushion;bezel=smooth;index=arabic;hands=pomme;sub=small",
        dials=("ivory/enamel", "chestnut/sunburst", "silver/linen"),
        wears=(Wear("steel", 39, "leather-brown"), Wear("bronze", 39, "leather-tan")),
        stories=(
            Text(
                "Kasing bantal Drover mengikuti jam saku yang dahulu dibawa para penggiring ternak "
                "melintasi perbukitan.",
                "The cushion case of the Drover follows the pocket watches that cattle drovers "
                "once carried over the hills.",
            ),
            Text(
                "Detik kecil di pukul enam berdetak 18.000 kali per jam, cukup lambat untuk "
                "terdengar di ruangan yang sunyi.",
                "The small seconds at six beat 18,000 times an hour, slowly enough to be heard in "
                "a quiet room.",
            ),
        ),
    ),
)
