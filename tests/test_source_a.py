"""SOURCE_A: what a file's name says of it."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sigid.errors import Reason, Rejected
from sigid.identity import Authenticity, Modality, PersonKey
from sigid.sources.base import Claim
from sigid.sources.formats import Format
from sigid.sources.source_a import SourceA

EXTENSION = {"Offline": "png", "Online": "hwr"}


def claim(path: str) -> Claim:
    return SourceA().claim(path)


def signee(modality: str, number: str) -> PersonKey:
    return PersonKey("source_a", f"{modality}/genuine", number)


def forger(modality: str, number: str) -> PersonKey:
    return PersonKey("source_a", f"{modality}/forgeries", number)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (
            "Offline/Genuine/015_03.PNG",
            Claim(Format.PNG, Modality.OFFLINE, signee("offline", "15"), "3"),
        ),
        (
            "Offline/Forgeries/0103004_02.png",
            Claim(
                Format.PNG,
                Modality.OFFLINE,
                signee("offline", "4"),
                "2",
                Authenticity.FORGED,
                forger("offline", "103"),
            ),
        ),
        (
            "Online/Genuine/001_1.HWR",
            Claim(Format.HWR, Modality.ONLINE, signee("online", "1"), "1"),
        ),
        (
            "Online/Forgeries/0120001_1.HWR",
            Claim(
                Format.HWR,
                Modality.ONLINE,
                signee("online", "1"),
                "1",
                Authenticity.FORGED,
                forger("online", "120"),
            ),
        ),
    ],
)
def test_the_folder_and_the_name_say_what_a_file_is(path: str, expected: Claim) -> None:
    assert claim(path) == expected


def test_a_signee_is_another_person_in_the_other_modality() -> None:
    assert claim("Offline/Genuine/001_01.PNG").signee != claim("Online/Genuine/001_1.HWR").signee


def test_a_forger_is_another_person_in_the_other_modality_and_than_the_signee_of_his_number() -> None:
    offline, online = claim("Offline/Forgeries/0001001_1.png"), claim("Online/Forgeries/0001001_1.hwr")

    assert len({offline.forger, online.forger, offline.signee, online.signee}) == 4


@pytest.mark.parametrize("modality", EXTENSION)
def test_a_forgery_imitates_the_genuine_signee_of_its_own_modality(modality: str) -> None:
    extension = EXTENSION[modality]

    forgery = claim(f"{modality}/Forgeries/0103004_02.{extension}")

    assert forgery.signee == claim(f"{modality}/Genuine/004_01.{extension}").signee
    assert forgery.parent is None  # which of his signatures was imitated is not known


@given(number=st.integers(0, 999_999), sample=st.integers(0, 999_999_999), zeros=st.integers(0, 3))
def test_leading_zeros_say_nothing(number: int, sample: int, zeros: int) -> None:
    digits = str(number).rjust(min(6, len(str(number)) + zeros), "0")
    sample_digits = str(sample).rjust(min(9, len(str(sample)) + zeros), "0")

    padded = claim(f"Online/Genuine/{digits}_{sample_digits}.HWR")

    assert padded == claim(f"Online/Genuine/{number}_{sample}.HWR")
    assert (padded.signee.external_id, padded.sample) == (str(number), str(sample))


@given(st.data())
def test_the_case_of_the_extension_says_nothing(data: st.DataObject) -> None:
    modality, label = data.draw(st.sampled_from(["Offline", "Online"])), data.draw(st.sampled_from(["001", "0103001"]))
    spelling = "".join(data.draw(st.sampled_from([each, each.upper()])) for each in EXTENSION[modality])
    stem = f"{modality}/{'Genuine' if label == '001' else 'Forgeries'}/{label}_1"

    assert claim(f"{stem}.{spelling}") == claim(f"{stem}.{EXTENSION[modality]}")


signatures = st.tuples(
    st.sampled_from(["Offline", "Online"]),
    st.none() | st.integers(0, 9999),
    st.integers(0, 999),
    st.integers(0, 99_999),
)


def _path(modality: str, forger_number: int | None, signee_number: int, sample: int) -> str:
    name = f"{signee_number:03}_{sample}.{EXTENSION[modality]}"
    if forger_number is None:
        return f"{modality}/Genuine/{name}"
    return f"{modality}/Forgeries/{forger_number:04}{name}"


@given(signatures, signatures)
def test_no_two_signatures_share_a_key(
    one: tuple[str, int | None, int, int], other: tuple[str, int | None, int, int]
) -> None:
    assume(one != other)

    assert claim(_path(*one)).key != claim(_path(*other)).key
    assert claim(_path(*one)).signature_id != claim(_path(*other)).signature_id


@pytest.mark.parametrize(
    "path",
    [
        "Offline/Genuine/0103004_02.png",  # a forgery's name
        "Online/Genuine/0120001_1.HWR",
        "Offline/Forgeries/004_02.png",  # a genuine signature's name
        "Online/Forgeries/120001_1.HWR",
        "Online/Forgeries/00120001_1.HWR",
        "Offline/Genuine/001_01.HWR",  # a file of the other modality
        "Online/Genuine/001_1.PNG",
        "Offline/Genuine/001_01.jpg",
        "Offline/Genuine/001_01",
        "Offline/Genuine/001_01.",
        "Offline/Genuine/001_01.png.png",
        "Offline/Genuine/001_01.png~",
        "Offline/Genuine/001_01 .png",
        "Offline/Genuine/ 001_01.png",
        "Offline/Genuine/001_01.png\\U0000000a",  # a new line, as a scan shows it
        "Offline/Genuine/001_01.png\n",
        "Offline/Genuine/001-01.png",
        "Offline/Genuine/001.png",
        "Offline/Genuine/_01.png",
        "Offline/Genuine/001_.png",
        "Offline/Genuine/-01_01.png",
        "Offline/Genuine/+01_01.png",
        "Offline/Genuine/1_000_1.png",
        "Offline/Genuine/001_1e1.png",
        "Offline/Genuine/001_1.0.png",
        "Offline/Genuine/0x1_01.png",
        "Offline/Genuine/abc_01.png",
        "Offline/Genuine/00\uff11_01.png",  # FULLWIDTH DIGIT ONE
        "Offline/Genuine/001_\u0661.png",  # ARABIC-INDIC DIGIT ONE
        "Offline/Genuine/001_\u00b9.png",  # SUPERSCRIPT ONE
        "Online/Forgeries/012000\uff11_1.HWR",
        "Offline/Genuine/001_01.\uff50\uff4e\uff47",  # fullwidth "png"
        "Offline/Genuine/001_1234567890.png",
        "Offline/Genuine/sub/001_01.png",  # in a folder below
        "Offline/Genuine/001/001_01.png",
        "Offline/Genuine/.png",
        "Offline/Genuine/'; DROP TABLE signature; --.png",
        "Offline/Genuine/README",
    ],
)
def test_a_name_that_is_not_of_the_convention_is_not_understood(path: str) -> None:
    with pytest.raises(Rejected) as caught:
        claim(path)

    assert caught.value.reason is Reason.NAME_NOT_UNDERSTOOD


@pytest.mark.parametrize(
    ("path", "detail"),
    [
        ("Offline/Genuine/x", "a name in Offline/Genuine is <signee, up to 6 digits>_<sample, up to 9 digits>.png"),
        (
            "Online/Forgeries/x",
            "a name in Online/Forgeries is <forger, 4 digits><signee, 3 digits>_<sample, up to 9 digits>.hwr",
        ),
        (
            "Online/Genuine/1000000_1.HWR",  # was told the form that it seems to have, without how many digits it takes
            "a name in Online/Genuine is <signee, up to 6 digits>_<sample, up to 9 digits>.hwr",
        ),
        (
            "Online/Genuine/sub/8_1.HWR",  # was told the form that it has
            "it lies in a folder below Online/Genuine; put it into Online/Genuine itself",
        ),
    ],
)
def test_a_name_that_is_not_understood_is_told_the_convention(path: str, detail: str) -> None:
    with pytest.raises(Rejected) as caught:
        claim(path)

    assert caught.value.detail == detail
