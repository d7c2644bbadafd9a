"""Dress watches and mechanical curiosities."""

from datetime import date

from database.catalogue.models import Collection, Text, Wear

COLLECTIONS = (
    Collection(
        brand="Veltheim & Orr",
        name="Chancery",
        language="en",
        since=date(2019, 4, 1),
        movement="automatic",
        water_resistance_m=50,
        price_idr=12_600_000,
        look="bezel=fluted;index=wedge;hands=dauphine;date=3;mark=star",
        dials=("champagne/sunburst", "burgundy/sunburst", "slate/linen", "jade/sunburst"),
        wears=(
            Wear("steel", 36, "five-steel"),
            Wear("steel", 40, "leather-black"),
            Wear("gold", 36, "leather-brown"),
        ),
        stories=(
            Text(
                "Chancery adalah jam untuk menandatangani sesuatu yang penting, lalu dipakai lagi "
                "keesokan harinya.",
                "Chancery is a watch to sign something important in, and to wear again the next "
                "day.",
            ),
            Text(
                "Bezel bergalur dipotong satu alur demi satu alur, sehingga memantulkan cahaya "
                "seperti tepi uang logam baru.",
                "The fluted bezel is cut groove by groove and throws back light like the rim of a "
                "new coin.",
            ),
        ),
    ),
    Collection(
        brand="Maison Aubreval",
        name="Pavane",
        language="en",
        since=date(2019, 10, 1),
        movement="manual",
        water_resistance_m=30,
        price_idr=26_500_000,
        look="bezel=thin;index=roman;hands=pomme;sub=small",
        dials=("ivory/guilloche", "silver/guilloche", "midnight/guilloche"),
        wears=(
            Wear("gold", 39, "leather-black"),
            Wear("rose", 39, "leather-brown"),
            Wear("steel", 39, "leather-navy"),
        ),
        stories=(
            Text(
                "Pavane mengambil namanya dari tarian istana yang lambat, dan jarumnya pun "
                "berjalan tanpa tergesa-gesa.",
                "Pavane takes its name from a slow court dance, and its hands move with no more "
                "haste.",
            ),
            Text(
                "Mesin guilloché berusia seabad, yang diputar dengan tangan, mengukir setiap dial "
                "Pavane selama dua hari.",
                "A rose engine a century old, turned by hand, spends two days on every "
                "Pavane dial.",
            ),
        ),
    ),
    Collection(
        brand="Maison Aubreval",
        name="Nocturne",
        language="en",
        since=date(2022, 6, 1),
        movement="automatic",
        water_resistance_m=30,
        price_idr=36_000_000,
        look="bezel=smooth;index=roman;hands=leaf;sub=moon",
        dials=("silver/linen", "indigo/fume", "ivory/enamel"),
        wears=(
            Wear("rose", 40, "leather-burgundy"),
            Wear("gold", 40, "leather-navy"),
            Wear("steel", 40, "leather-black"),
        ),
        stories=(
            Text(
                "Fase bulan Nocturne baru perlu dikoreksi satu hari setelah 122 tahun, dan "
                "rembulannya dipahat dengan tangan.",
                "The moon phase of the Nocturne needs one day's correction in 122 years, and its "
                "moon is engraved by hand.",
            ),
            Text(
                "Nocturne disusun seperti sebuah malam: gelap, tenang, dengan satu cahaya yang "
                "bergerak perlahan.",
                "Nocturne is composed like a night: calm, unhurried, with one light that moves "
                "slowly across it.",
            ),
        ),
    ),
    Collection(
        brand="Roda Ketiga",
        name="Jantung",
        language="id",
        since=date(2021, 2, 1),
        movement="automatic",
        water_resistance_m=50,
        price_idr=4_900_000,
        look="bezel=coin;index=roman;hands=leaf;sub=heart",
        dials=("petrol/sunburst", "ivory/linen", "graphite/guilloche"),
        wears=(
            Wear("steel", 41, "leather-brown"),
            Wear("steel", 41, "mesh-steel"),
            Wear("bronze", 41, "leather-cognac"),
        ),
        stories=(
            Text(
                "Jendela di pukul enam memperlihatkan roda keseimbangan yang berayun delapan kali "
                "setiap detik.",
                "A window at six shows the balance wheel swinging eight times every second.",
            ),
            Text(
                "Roda Ketiga percaya bahwa mesin sebagus ini tidak pantas disembunyikan di balik "
                "dial yang tertutup.",
                "Roda Ketiga holds that a movement this good should not be hidden behind a closed "
                "dial.",
            ),
        ),
    ),
    Collection(
        brand="Roda Ketiga",
        name="Poros",
        language="id",
        since=date(2024, 9, 1),
        movement="manual",
        water_resistance_m=50,
        price_idr=4_200_000,
        look="bezel=smooth;index=baton;hands=alpha;sub=small",
        dials=("copper/brushed", "ink/guilloche", "silver/clous"),
        wears=(Wear("steel", 39, "leather-tan"), Wear("titanium", 39, "leather-grey")),
        stories=(
            Text(
                "Poros dirakit di Bandung oleh enam tukang jam yang juga menerima setiap jam itu "
                "kembali untuk diservis.",
                "Poros is assembled in Bandung by six watchmakers who also take every one of them "
                "back for service.",
            ),
            Text(
                "Tutup belakang berkaca memperlihatkan jembatan mesin yang disikat halus dan roda "
                "gigi yang dipoles.",
                "A glazed case back shows the finely brushed bridges and polished wheels of its "
                "movement.",
            ),
        ),
    ),
)
