"""Watches of pilots and of those who read the night sky."""

from datetime import date

from database.catalogue.models import Collection, Text, Wear

COLLECTIONS = (
    Collection(
        brand="Garis Langit",
        name="Penerbang",
        language="id",
        since=date(2019, 9, 1),
        movement="automatic",
        water_resistance_m=50,
        price_idr=5_300_000,
        look="bezel=smooth;index=pilot;hands=sword;lume=vintage;date=6",
        dials=("ink/matte", "midnight/matte", "graphite/fume"),
        wears=(
            Wear("steel", 43, "leather-brown"),
            Wear("steel", 39, "leather-tan"),
            Wear("titanium", 43, "nato-green"),
        ),
        stories=(
            Text(
                "Angka besar dan segitiga di pukul dua belas membuat Penerbang terbaca sekilas, "
                "seperti panel kokpit lama.",
                "Large numerals and a triangle at twelve let the Penerbang be read at a glance, "
                "like an old cockpit panel.",
            ),
            Text(
                "Mahkotanya yang besar dapat diputar tanpa melepas sarung tangan, kebiasaan dari "
                "zaman kokpit terbuka.",
                "Its large crown can be turned without taking off a glove, a habit from the days "
                "of open cockpits.",
            ),
        ),
    ),
    Collection(
        brand="Garis Langit",
        name="Penerbang Kronograf",
        language="id",
        since=date(2022, 2, 1),
        movement="chronograph",
        water_resistance_m=100,
        price_idr=12_400_000,
        look="bezel=smooth;index=pilot;hands=syringe;lume=mint;sub=chrono2;accent=red",
        dials=("ink/sunburst", "forest/matte", "sand/matte"),
        wears=(Wear("steel", 42, "leather-black"), Wear("bronze", 42, "leather-cognac")),
        stories=(
            Text(
                "Dua totalisator mengukur detik dan menit pendakian, sementara sisanya dibiarkan "
                "setenang langit pagi.",
                "Two counters time the seconds and minutes of a climb, and the rest is left as "
                "calm as a morning sky.",
            ),
            Text(
                "Tombol kronografnya menekan dengan klik pendek dan tegas, tanpa keraguan saat "
                "waktu paling berarti.",
                "Its pushers answer with a short, firm click, leaving no doubt when time matters "
                "most.",
            ),
        ),
    ),
    Collection(
        brand="Lintang Selatan",
        name="Purnama",
        language="id",
        since=date(2020, 12, 1),
        movement="automatic",
        water_resistance_m=50,
        price_idr=9_400_000,
        look="bezel=smooth;index=arabic;hands=alpha;sub=moon",
        dials=("silver/sunburst", "midnight/fume", "champagne/linen"),
        wears=(
            Wear("steel", 40, "leather-navy"),
            Wear("steel", 40, "five-steel"),
            Wear("gold", 40, "leather-black"),
        ),
        stories=(
            Text(
                "Purnama menunjukkan bulan sebagaimana terlihat dari belahan bumi selatan, "
                "tumbuh dari kiri ke kanan.",
                "Purnama shows the moon as it is seen from the southern hemisphere, growing from "
                "left to right.",
            ),
            Text(
                "Nelayan masih membaca pasang dari bulan; Purnama membawa kebiasaan itu ke "
                "pergelangan tangan.",
                "Fishermen still read the tides from the moon; Purnama brings that habit to the "
                "wrist.",
            ),
        ),
    ),
    Collection(
        brand="Lintang Selatan",
        name="Dua Zona",
        language="id",
        since=date(2025, 7, 1),
        movement="automatic",
        water_resistance_m=100,
        price_idr=10_300_000,
        look="bezel=smooth;index=wedge;hands=dauphine;sub=gmt;accent=gold;date=3;mark=star",
        dials=("indigo/sunburst", "white/enamel", "forest/fume"),
        wears=(Wear("steel", 40, "five-steel"), Wear("titanium", 40, "leather-black")),
        stories=(
            Text(
                "Dua Zona dibuat untuk keluarga yang terbentang dari Sabang sampai Merauke, dan "
                "sering kali lebih jauh lagi.",
                "Dua Zona is made for families that stretch from Sabang to Merauke, and often a "
                "good deal further.",
            ),
            Text(
                "Jarum kedua yang ramping menyimpan waktu kota lain tanpa mengganggu ketenangan "
                "dial.",
                "A slender extra hand keeps the time of another city without disturbing the calm "
                "of the dial.",
            ),
        ),
    ),
)
