"""The drawn watches: safe under a strict content security policy, small, and each its own."""

import re
from xml.etree import ElementTree

import pytest

from database.catalogue import create_catalogue
from services.frontend.faces import draw_face
from services.frontend.faces.spec import CHOICES, read_face

CATALOGUE = create_catalogue()

SVG = "{http://www.w3.org/2000/svg}"
FACES = [item.face for item in CATALOGUE]
# A page shows 24 of them; compressed, they repeat each other well.
LARGEST_BYTES, USUAL_BYTES = 6_700, 5_600


def parse(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg)  # our own drawing, not a stranger's


def hand_transforms(svg: str) -> dict[str, str]:
    names = ("hour-hand", "minute-hand", "second-hand")
    groups = {group.get("class", ""): group for group in parse(svg).iter(f"{SVG}g")}
    return {name: groups[name].get("transform", "") for name in names}


def test_every_watch_of_the_catalogue_draws_as_well_formed_svg() -> None:
    for face in FACES:
        root = parse(draw_face(face))
        assert root.tag == f"{SVG}svg"
        assert root.get("viewBox") == "0 0 200 260"
        assert root.get("aria-hidden") == "true"
        assert root.get("focusable") == "false"


def test_every_instruction_of_the_catalogue_is_understood() -> None:
    for text in FACES:
        face = read_face(text)
        for part in text.split(";"):
            key, value = part.split("=")
            assert str(getattr(face, key)) == value, text


def test_drawings_need_nothing_that_a_strict_policy_forbids() -> None:
    for face in FACES:
        svg = draw_face(face)
        root = parse(svg)
        tags = {element.tag.removeprefix(SVG) for element in root.iter()}
        attributes = {name for element in root.iter() for name in element.attrib}
        assert tags.isdisjoint({"style", "script", "image", "foreignObject", "a", "animate"})
        assert "style" not in attributes
        assert not any(name.startswith("on") for name in attributes)
        assert all(link.startswith("#") for link in re.findall(r'href="([^"]*)"', svg))
        assert svg.count("http") == 1, "only the namespace"


def test_ids_are_unique_over_the_whole_catalogue() -> None:
    ids = [
        element.get("id")
        for face in FACES
        for element in parse(draw_face(face)).iter()
        if element.get("id")
    ]
    assert len(ids) > 4 * len(FACES)
    assert len(set(ids)) == len(ids)


def test_every_reference_inside_a_drawing_has_its_target() -> None:
    for face in FACES:
        svg = draw_face(face)
        used = set(re.findall(r'(?:url\(|href=")#([\w-]+)', svg))
        assert used <= set(re.findall(r' id="([\w-]+)"', svg)), face


def test_drawings_are_small() -> None:
    sizes = [len(draw_face(face).encode()) for face in FACES]
    assert max(sizes) <= LARGEST_BYTES
    assert sum(sizes) / len(sizes) <= USUAL_BYTES


def test_no_two_watches_look_the_same() -> None:
    # Ids differ anyway, and the date in the window is taken from them: both are left out.
    drawings = {
        re.sub(r"w[0-9a-f]{8}", "", re.sub(r">\d+</text>", "", draw_face(face))) for face in FACES
    }
    assert len(drawings) == len(FACES)


def test_hands_show_the_time_by_a_rotation_that_a_script_can_replace() -> None:
    assert hand_transforms(draw_face("", time=(3, 30, 15))) == {
        "hour-hand": "rotate(105.1 100 130)",
        "minute-hand": "rotate(181.5 100 130)",
        "second-hand": "rotate(90 100 130)",
    }


def test_afternoon_and_midnight_fit_on_a_dial_of_twelve_hours() -> None:
    afternoon, midnight = ((15, 0, 0), (0, 0, 0))
    assert hand_transforms(draw_face("", time=afternoon))["hour-hand"] == "rotate(90 100 130)"
    assert set(hand_transforms(draw_face("", time=midnight)).values()) == {"rotate(0 100 130)"}


@pytest.mark.parametrize("subdial", CHOICES["sub"])
def test_every_dial_has_three_hands_that_turn(subdial: str) -> None:
    transforms = hand_transforms(draw_face(f"sub={subdial}"))
    assert all(re.fullmatch(r"rotate\([\d.]+ 100 130\)", text) for text in transforms.values())


@pytest.mark.parametrize(
    ("key", "value"), [(k, v) for k, values in CHOICES.items() for v in values]
)
def test_every_choice_draws_and_is_understood(key: str, value: str) -> None:
    parse(draw_face(f"{key}={value}"))
    assert getattr(read_face(f"{key}={value}"), key) == value


@pytest.mark.parametrize(
    "damaged",
    [
        *("", ";;;", "=", "dial", "dial=", "dial=nosuch;hands=;mm=", "mm=forty", "mm=-1"),
        *(
            "mm=99999999999999999999",
            "mm=²²",
            "strap=leather",
            "strap=-",
            "date=7",
            "a=b=c;dial=x=y",
        ),
        *(
            "text=<script>alert(1)</script>",
            'text="/><script>',
            "text=&amp;",
            "\x00",
            "\ud800",
            "🕰",
        ),
    ],
)
def test_damaged_instructions_draw_the_default_watch(damaged: str) -> None:
    drawn = re.sub("w[0-9a-f]{8}", "w", draw_face(damaged))
    assert drawn == re.sub("w[0-9a-f]{8}", "w", draw_face("nosuch=key"))
    parse(drawn)


def test_damage_to_one_instruction_leaves_the_others() -> None:
    face = read_face("dial=nosuch;case=gold;mm=38")
    assert (face.dial, face.case, face.mm) == (CHOICES["dial"][0], "gold", 38)


@pytest.mark.parametrize(("written", "drawn"), [("10", 34), ("34", 34), ("45", 45), ("99", 45)])
def test_size_stays_within_what_fits_the_picture(written: str, drawn: int) -> None:
    assert read_face(f"mm={written}").mm == drawn


def test_printed_words_appear_on_the_dial() -> None:
    assert ">200 M</text>" in draw_face("text=200 m")


def test_date_window_gives_way_to_a_subdial_in_its_place() -> None:
    assert read_face("date=6").date_shown
    assert not read_face("date=6;sub=moon").date_shown
    assert read_face("date=3;sub=moon").taken_hours == {3, 6}
