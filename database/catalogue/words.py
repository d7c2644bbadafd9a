"""What colours, metals and straps are called in both languages."""

from collections.abc import Mapping

from database.catalogue.models import Text

DIAL_COLOURS: Mapping[str, Text] = {
    "ink": Text("Hitam Pekat", "Jet Black"),
    "midnight": Text("Biru Malam", "Midnight Blue"),
    "indigo": Text("Biru Nila", "Indigo"),
    "petrol": Text("Biru Petrol", "Petrol Blue"),
    "lagoon": Text("Biru Laguna", "Lagoon Blue"),
    "sky": Text("Biru Langit", "Sky Blue"),
    "ice": Text("Biru Es", "Ice Blue"),
    "forest": Text("Hijau Hutan", "Forest Green"),
    "moss": Text("Hijau Lumut", "Moss Green"),
    "jade": Text("Hijau Giok", "Jade Green"),
    "burgundy": Text("Merah Anggur", "Burgundy"),
    "plum": Text("Ungu Manggis", "Plum"),
    "coral": Text("Jingga Koral", "Coral"),
    "salmon": Text("Merah Salem", "Salmon"),
    "copper": Text("Cokelat Tembaga", "Copper"),
    "chestnut": Text("Cokelat Sawo", "Chestnut"),
    "sogan": Text("Cokelat Sogan", "Sogan Brown"),
    "saffron": Text("Kuning Kunyit", "Saffron"),
    "champagne": Text("Kuning Sampanye", "Champagne"),
    "sand": Text("Krem Pasir", "Sand"),
    "ivory": Text("Putih Gading", "Ivory"),
    "white": Text("Putih", "White"),
    "silver": Text("Perak", "Silver"),
    "slate": Text("Abu Batu", "Slate Grey"),
    "graphite": Text("Abu Grafit", "Graphite"),
}
# On these a dark hand reads better than a bright one.
LIGHT_DIALS = frozenset(
    (
        *("sky", "ice", "jade", "coral", "salmon", "saffron"),
        *("champagne", "sand", "ivory", "white", "silver"),
    )
)

# In names, then in prose.
CASES: Mapping[str, tuple[Text, Text]] = {
    "steel": (Text("Baja", "Steel"), Text("baja tahan karat 316L", "316L stainless steel")),
    "titanium": (Text("Titanium", "Titanium"), Text("titanium grade 5", "grade 5 titanium")),
    "bronze": (Text("Perunggu", "Bronze"), Text("perunggu aluminium", "aluminium bronze")),
    "gold": (Text("Emas", "Gold"), Text("emas kuning 18 karat", "18-carat yellow gold")),
    "rose": (Text("Emas Mawar", "Rose Gold"), Text("emas mawar 18 karat", "18-carat rose gold")),
    "ceramic": (Text("Keramik Hitam", "Black Ceramic"), Text("keramik hitam", "black ceramic")),
    "white": (Text("Keramik Putih", "White Ceramic"), Text("keramik putih", "white ceramic")),
}

STRAP_COLOURS: Mapping[str, Text] = {
    "tan": Text("Cokelat Muda", "Tan"),
    "cognac": Text("Konyak", "Cognac"),
    "brown": Text("Cokelat Tua", "Dark Brown"),
    "black": Text("Hitam", "Black"),
    "navy": Text("Biru Tua", "Navy"),
    "green": Text("Hijau", "Green"),
    "grey": Text("Abu-abu", "Grey"),
    "burgundy": Text("Merah Anggur", "Burgundy"),
    "sand": Text("Pasir", "Sand"),
    "orange": Text("Jingga", "Orange"),
    "white": Text("Putih", "White"),
    "steel": Text("Baja", "Steel"),
    "titanium": Text("Titanium", "Titanium"),
    "sogan": Text("Sogan", "Sogan"),
    "indigo": Text("Nila", "Indigo"),
    "maroon": Text("Merah Marun", "Maroon"),
    "forest": Text("Hijau", "Green"),
}

# `{}` is the strap's colour. The bracelets of the drawing are all bracelets to a customer.
STRAP_KINDS: Mapping[str, Text] = {
    "leather": Text("Kulit {}", "{} Leather"),
    "rubber": Text("Karet {}", "{} Rubber"),
    "nato": Text("NATO {}", "{} NATO"),
    "mesh": Text("Anyaman {}", "{} Mesh"),
    "batik": Text("Batik {}", "{} Batik"),
    "three": Text("Gelang {}", "{} Bracelet"),
    "five": Text("Gelang {}", "{} Bracelet"),
    "block": Text("Gelang {}", "{} Bracelet"),
}
