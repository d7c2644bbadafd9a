"""What the descriptions say about dials, movements and straps, in both languages."""

from collections.abc import Mapping

from database.catalogue.models import Text

# `{}` is the dial's colour.
DIALS: Mapping[str, tuple[Text, ...]] = {
    "sunburst": (
        Text(
            "Dial {} bergurat matahari berubah rona setiap kali pergelangan bergerak.",
            "The {} sunburst dial changes its tone with every turn of the wrist.",
        ),
        Text(
            "Guratan halus memancar dari pusat dial {} dan menangkap cahaya seperti sutra.",
            "Fine rays run out from the centre of the {} dial and catch the light like silk.",
        ),
    ),
    "matte": (
        Text(
            "Dial {} dibuat doff agar terbaca jelas tanpa pantulan.",
            "The {} dial is kept matt, so that it reads clearly and never glares.",
        ),
        Text(
            "Permukaan doff pada dial {} memberi ruang bagi jarum dan penanda untuk berbicara.",
            "The matt surface of the {} dial leaves the talking to hands and markers.",
        ),
    ),
    "fume": (
        Text(
            "Dial {} bergaya fumé menggelap perlahan ke arah tepi.",
            "The {} fumé dial darkens gently towards its edge.",
        ),
        Text(
            "Warna {} menyala di tengah dial lalu larut menjadi bayangan di tepinya.",
            "A {} glow at the middle of the dial dissolves into shadow at the rim.",
        ),
    ),
    "enamel": (
        Text(
            "Dial {} berlapis enamel mengilap sedalam permukaan air yang tenang.",
            "The {} enamel dial has the gloss and depth of still water.",
        ),
    ),
    "guilloche": (
        Text(
            "Dial {} dihiasi ukiran guilloché berbentuk roset yang baru terlihat utuh dari dekat.",
            "The {} dial carries a guilloché rosette that shows itself fully only up close.",
        ),
    ),
    "clous": (
        Text(
            "Ratusan piramida kecil clous de Paris memecah cahaya di atas dial {}.",
            "Hundreds of tiny clous de Paris pyramids break the light on the {} dial.",
        ),
    ),
    "linen": (
        Text(
            "Dial {} bertekstur linen terasa hangat, seperti kain yang ditenun rapat.",
            "The linen texture of the {} dial has the warmth of closely woven cloth.",
        ),
    ),
    "brushed": (
        Text(
            "Dial {} disikat tegak lurus sehingga tampil tenang dan teknis.",
            "The {} dial is brushed from top to bottom, which gives it a calm, technical look.",
        ),
    ),
    "waves": (
        Text(
            "Gelombang yang terukir di dial {} mengingatkan pada laut di pagi hari.",
            "The waves engraved in the {} dial recall the sea in the early morning.",
        ),
    ),
    "parang": (
        Text(
            "Dial {} memuat motif parang dari tepi ke tepi, tanpa satu garis pun terputus.",
            "The parang motif crosses the {} dial from edge to edge without a broken line.",
        ),
    ),
    "kawung": (
        Text(
            "Di atas dial {}, kelopak kawung tersusun rapat dan simetris.",
            "Kawung petals lie close and symmetrical across the {} dial.",
        ),
    ),
    "truntum": (
        Text(
            "Bunga truntum bertaburan di dial {} seperti bintang di langit desa.",
            "Truntum blossoms are scattered over the {} dial like stars above a village.",
        ),
    ),
    "mendung": (
        Text(
            "Awan bergulung melintasi dial {} dalam garis yang tidak pernah putus.",
            "Rolling clouds cross the {} dial in one unbroken line.",
        ),
    ),
}

# `{case}` is the metal, `{mm}` the diameter, `{depth}` the water resistance in metres.
MOVEMENTS: Mapping[str, tuple[Text, ...]] = {
    "automatic": (
        Text(
            "Mesin otomatis dengan cadangan daya 42 jam bekerja di dalam kasing {case} "
            "berdiameter {mm} mm yang tahan air hingga {depth} meter.",
            "An automatic movement with 42 hours of power reserve works inside a {mm} mm case of "
            "{case}, water-resistant to {depth} metres.",
        ),
        Text(
            "Kasing {case} berdiameter {mm} mm, tahan air {depth} meter, melindungi mesin otomatis "
            "yang terisi oleh gerakan tangan.",
            "A {mm} mm case of {case}, water-resistant to {depth} metres, guards an automatic "
            "movement wound by the motion of the arm.",
        ),
    ),
    "manual": (
        Text(
            "Mesin putar tangan dengan cadangan daya 50 jam tersimpan di kasing {case} "
            "berdiameter {mm} mm, tahan air hingga {depth} meter.",
            "A hand-wound movement with 50 hours of power reserve sits in a {mm} mm case of "
            "{case}, water-resistant to {depth} metres.",
        ),
    ),
    "quartz": (
        Text(
            "Mesin kuarsa dengan ketelitian sepuluh detik sebulan berjalan tiga tahun dengan satu "
            "baterai, di dalam kasing {case} berdiameter {mm} mm yang tahan air {depth} meter.",
            "A quartz movement accurate to ten seconds a month runs three years on one battery, in "
            "a {mm} mm case of {case}, water-resistant to {depth} metres.",
        ),
    ),
    "solar": (
        Text(
            "Mesin tenaga surya tetap berjalan enam bulan dalam gelap setelah terisi penuh; "
            "kasingnya dari {case}, berdiameter {mm} mm, tahan air hingga {depth} meter.",
            "Fully charged, its solar movement runs six months in the dark; the {mm} mm case of "
            "{case} is water-resistant to {depth} metres.",
        ),
    ),
    "chronograph": (
        Text(
            "Kronograf mekanis dengan roda kolom bekerja di kasing {case} berdiameter {mm} mm, "
            "tahan air hingga {depth} meter.",
            "A mechanical column-wheel chronograph works in a {mm} mm case of {case}, "
            "water-resistant to {depth} metres.",
        ),
    ),
}

_BRACELET = Text(
    "Gelang {} dengan sambungan padat dapat disetel tanpa alat.",
    "The solid links of its {} bracelet adjust without tools.",
)
# `{}` is the strap's colour or metal.
STRAPS: Mapping[str, Text] = {
    "leather": Text(
        "Tali kulit {} disamak nabati dan akan makin indah seiring pemakaian.",
        "The {} leather strap is vegetable-tanned and grows handsomer with wear.",
    ),
    "rubber": Text(
        "Tali karet FKM {} tahan garam, keringat, dan matahari.",
        "The {} FKM rubber strap shrugs off salt, sweat and sun.",
    ),
    "nato": Text(
        "Tali NATO {} dapat diganti dalam hitungan detik.",
        "The {} NATO strap can be changed in seconds.",
    ),
    "mesh": Text(
        "Gelang anyaman {} mengikuti bentuk pergelangan dengan lembut.",
        "The {} mesh bracelet follows the wrist softly.",
    ),
    "batik": Text(
        "Tali berlapis kain batik {} dijahit tangan, sehingga tidak ada dua yang persis sama.",
        "The strap, faced with {} batik cloth, is sewn by hand, and no two are quite alike.",
    ),
    "three": _BRACELET,
    "five": _BRACELET,
    "block": _BRACELET,
}
