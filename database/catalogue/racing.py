"""Chronographs of the race track and the sports watch of the promenade."""

from datetime import date

from database.catalogue.models import Collection, Text, Wear

COLLECTIONS = (
    Collection(
        brand="Torvenza",
        name="Rettilineo",
        language="en",
        since=date(2020, 8, 1),
        movement="chronograph",
        water_resistance_m=100,
        price_idr=14_500_000,
        look="bezel=tachy;index=baton;hands=baton;sub=chrono3;accent=red",
        dials=("white/matte", "ink/sunburst", "midnight/sunburst", "sand/sunburst"),
        wears=(
            Wear("steel", 41, "leather-black"),
            Wear("steel", 41, "three-steel"),
            Wear("ceramic", 41, "rubber-black"),
        ),
        stories=(
            Text(
                "Rettilineo dinamai menurut lintasan lurus tempat pembalap akhirnya boleh menarik "
                "napas.",
                "Rettilineo is named after the straight, where a driver may finally draw breath.",
            ),
            Text(
                "Skala takimeter di bezel mengubah satu kilometer menjadi kecepatan dengan sekali "
                "tekan.",
                "The tachymeter on its bezel turns one kilometre into a speed with one press.",
            ),
        ),
    ),
    Collection(
        brand="Torvenza",
        name="Curva Due",
        language="en",
        since=date(2022, 10, 1),
        movement="chronograph",
        water_resistance_m=50,
        price_idr=11_900_000,
        look="bezel=tachy;index=baton;hands=alpha;sub=chrono2",
        dials=("salmon/sunburst", "petrol/sunburst", "silver/brushed"),
        wears=(
            Wear("steel", 39, "five-steel"),
            Wear("steel", 39, "leather-cognac"),
            Wear("rose", 39, "leather-burgundy"),
        ),
        stories=(
            Text(
                "Dua totalisator yang diletakkan simetris memberi Curva Due wajah kronograf tahun "
                "empat puluhan yang nyaris hilang.",
                "Two counters set in symmetry give the Curva Due the face of a forties chronograph "
                "that had nearly been lost.",
            ),
            Text(
                "Curva Due lebih kecil daripada kebanyakan kronograf masa kini, dan justru itulah "
                "daya tariknya.",
                "The Curva Due is smaller than most chronographs of today, and that is exactly its "
                "charm.",
            ),
        ),
    ),
    Collection(
        brand="Veltheim & Orr",
        name="Concourse",
        language="en",
        since=date(2023, 3, 1),
        movement="automatic",
        water_resistance_m=100,
        price_idr=18_800_000,
        look="shape=octagon;index=baton;hands=baton;lume=white;date=3",
        dials=("midnight/clous", "silver/brushed", "forest/clous", "ice/clous"),
        wears=(Wear("steel", 40, "block-steel"), Wear("titanium", 40, "block-titanium")),
        stories=(
            Text(
                "Kasing segi delapan Concourse mengalir ke gelangnya tanpa jeda, dengan sisi "
                "dipoles dan permukaan disikat bergantian.",
                "The octagonal case of the Concourse flows into its bracelet without a break, "
                "polished bevels against brushed planes.",
            ),
            Text(
                "Delapan sekrup di bezel bukan hiasan: semuanya menahan kaca safir dan segel di "
                "bawahnya.",
                "The eight screws of its bezel are no ornament: together they hold the sapphire "
                "and the seal beneath it.",
            ),
        ),
    ),
)
