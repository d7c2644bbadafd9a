"""Watches after the classical motifs of Javanese and Cirebon batik."""

from datetime import date

from database.catalogue.models import Collection, Text, Wear

_BRAND = "Canting Emas"

COLLECTIONS = (
    Collection(
        brand=_BRAND,
        name="Parang",
        language="id",
        since=date(2020, 10, 1),
        movement="automatic",
        water_resistance_m=50,
        price_idr=8_600_000,
        look="bezel=smooth;index=line;hands=leaf",
        dials=("sogan/parang", "ink/parang", "ivory/parang"),
        wears=(Wear("gold", 40, "batik-sogan"), Wear("steel", 40, "leather-brown")),
        stories=(
            Text(
                "Motif parang, deretan bilah yang saling menyambung seperti ombak, dahulu hanya "
                "boleh dikenakan keluarga keraton.",
                "The parang motif, a run of blades joined like waves, was once reserved for the "
                "families of the Javanese courts.",
            ),
            Text(
                "Setiap garis parang digambar miring empat puluh lima derajat, seperti yang "
                "dikerjakan para pembatik dengan canting.",
                "Every line of the parang is laid at forty-five degrees, just as batik makers draw "
                "it with the canting.",
            ),
        ),
    ),
    Collection(
        brand=_BRAND,
        name="Kawung",
        language="id",
        since=date(2021, 4, 1),
        movement="automatic",
        water_resistance_m=50,
        price_idr=8_200_000,
        look="bezel=smooth;index=wedge;hands=dauphine",
        dials=("indigo/kawung", "champagne/kawung", "burgundy/kawung"),
        wears=(Wear("steel", 39, "batik-indigo"), Wear("rose", 39, "leather-navy")),
        stories=(
            Text(
                "Empat kelopak kawung melambangkan keseimbangan empat penjuru dengan pusat yang "
                "tenang di tengahnya.",
                "The four petals of the kawung stand for four directions in balance around a quiet "
                "centre.",
            ),
            Text(
                "Kawung, yang berasal dari irisan buah aren, adalah salah satu motif batik tertua "
                "yang masih dikenakan hingga kini.",
                "Kawung, taken from the cut fruit of the sugar palm, is among the oldest batik "
                "motifs still worn today.",
            ),
        ),
    ),
    Collection(
        brand=_BRAND,
        name="Truntum",
        language="id",
        since=date(2022, 8, 1),
        movement="manual",
        water_resistance_m=30,
        price_idr=9_900_000,
        look="bezel=coin;index=wedge;hands=leaf",
        dials=("burgundy/truntum", "plum/truntum", "midnight/truntum"),
        wears=(Wear("bronze", 38, "batik-maroon"), Wear("steel", 38, "leather-burgundy")),
        stories=(
            Text(
                "Bintang-bintang kecil truntum bercerita tentang cinta yang tumbuh kembali, dan "
                "karena itu dikenakan orang tua pengantin.",
                "The little stars of the truntum tell of love that grows again, which is why the "
                "parents of a bridal couple wear it.",
            ),
            Text(
                "Truntum dibuat sebagai hadiah: tipis, hangat di tangan, dan cukup tenang untuk "
                "dipakai setiap hari.",
                "Truntum is made to be given: slim, warm to the touch and quiet enough to wear "
                "every day.",
            ),
        ),
    ),
    Collection(
        brand=_BRAND,
        name="Mega Mendung",
        language="id",
        since=date(2024, 1, 1),
        movement="automatic",
        water_resistance_m=50,
        price_idr=8_900_000,
        look="bezel=thin;index=line;hands=alpha",
        dials=("midnight/mendung", "forest/mendung", "petrol/mendung"),
        wears=(Wear("steel", 40, "batik-forest"), Wear("titanium", 40, "leather-black")),
        stories=(
            Text(
                "Awan Mega Mendung dari pesisir Cirebon membawa pesan sederhana: redam amarah, "
                "seperti langit sebelum hujan.",
                "The Mega Mendung clouds of the Cirebon coast carry a simple message: hold your "
                "temper, as the sky does before rain.",
            ),
            Text(
                "Gulungan awan pesisir disusun berlapis agar dial tampak dalam meski kasingnya "
                "tipis.",
                "The coastal clouds are set in layers, so that the dial looks deep although the "
                "case is thin.",
            ),
        ),
    ),
)
