"""SOURCE_B: what INDEX says of each file, and the INDEX that is refused."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sigid.errors import DatasetError, Reason, Rejected
from sigid.identity import Authenticity, Kind, Modality, PersonKey, signature_key
from sigid.sources.base import Names
from sigid.sources.formats import Format
from sigid.sources.source_b import SourceB
from tests.trees import PARENTS_B, SAMPLE_B, file_of, index, picture, site_b, snapshot, uuid

GENUINE, OTHER, FORGED = uuid(1), uuid(2), uuid(3)


def names(parents: dict[str, str]) -> Names:
    return SourceB().names(index(parents))


def reasons(parents: dict[str, str]) -> dict[str, Reason | None]:
    """Why each id's file is rejected before it is read, if it is."""
    of_index, found = names(parents), dict[str, Reason | None]()
    for id_ in parents:
        try:
            of_index.claim(file_of(id_))
        except Rejected as rejected:
            found[id_] = rejected.reason
        else:
            found[id_] = None
    return found


NUMBERS = st.integers(0, 6)
SPELT = [*map(uuid, range(6)), f"{uuid(0)[:-1]}f"]  # the last one's file is that of the first


@given(st.dictionaries(NUMBERS, st.none() | NUMBERS, min_size=1), st.sets(NUMBERS))
def test_what_is_sent_along_with_files_says_the_same_of_them(parents: dict[int, int | None], some: set[int]) -> None:
    of_index = names({SPELT[id_]: "" if parent is None else SPELT[parent] for id_, parent in parents.items()})
    paths = [file_of(SPELT[id_]) for id_ in some]

    sent = pickle.loads(pickle.dumps(of_index.only(paths)))  # noqa: S301  # as it is sent

    assert [verdict(sent, path) for path in paths] == [verdict(of_index, path) for path in paths]


def test_as_little_is_sent_along_as_can_be() -> None:
    of_index = names({GENUINE: "", FORGED: GENUINE, **{uuid(number): "" for number in range(4, 1000)}})

    sent = of_index.only([file_of(FORGED)])

    assert sorted(sent.expected()) == sorted(map(file_of, (GENUINE, FORGED)))


def verdict(of_index: Names, path: str) -> object:
    try:
        return of_index.claim(path)
    except Rejected as rejected:
        return rejected.reason, rejected.detail


def refusal(content: bytes) -> str:
    with pytest.raises(DatasetError) as caught:
        SourceB().names(content)
    return str(caught.value)


def test_a_signature_without_a_parent_is_genuine_and_its_own_signees() -> None:
    claim = names({GENUINE: ""}).claim(file_of(GENUINE))

    assert (claim.format, claim.modality) == (Format.PNG, Modality.ONLINE)
    assert (claim.signee, claim.authenticity) == (PersonKey("source_b", "", GENUINE), Authenticity.GENUINE)
    assert (claim.sample, claim.forger, claim.parent) == (GENUINE, None, None)


def test_a_signature_with_a_parent_is_a_forgery_of_it() -> None:
    of_index = names({FORGED: GENUINE, GENUINE: ""})

    claim = of_index.claim(file_of(FORGED))

    assert (claim.signee, claim.authenticity) == (PersonKey("source_b", "", GENUINE), Authenticity.FORGED)
    assert (claim.sample, claim.forger) == (FORGED, None)
    assert claim.parent == of_index.claim(file_of(GENUINE)).key
    assert claim.parent == signature_key(
        Kind.IMAGE, PersonKey("source_b", "", GENUINE), Authenticity.GENUINE, None, GENUINE
    )


def test_every_listed_file_is_expected() -> None:
    assert sorted(names(PARENTS_B).expected()) == sorted(set(SAMPLE_B) - {"INDEX"})


def test_a_parent_may_be_written_in_another_case_than_in_its_own_line() -> None:
    genuine, forged = "abcdef01-0000-4000-8000-000000000000", "abcdef02-0000-4000-8000-000000000000"

    of_index = names({genuine: "", forged: genuine.upper()})

    assert of_index.claim(file_of(forged)).parent == of_index.claim(file_of(genuine)).key


@pytest.mark.parametrize(
    "content",
    [
        index(PARENTS_B),
        index(PARENTS_B).replace(b"\n", b"\r\n"),
        index(PARENTS_B).removesuffix(b"\n"),
        index(PARENTS_B).replace(b"\n", b"\r\n").removesuffix(b"\r\n"),
        index(PARENTS_B) + b"\n\r\n\n",
        b"000" + index(PARENTS_B),
    ],
    ids=["LF", "CRLF", "no newline at the end", "CRLF but at the end", "blank lines at the end", "a padded count"],
)
def test_a_sound_index_is_read(content: bytes) -> None:
    of_index = SourceB().names(content)

    claims = [of_index.claim(path) for path in of_index.expected()]

    assert len(claims) == 7
    assert sum(claim.authenticity is Authenticity.FORGED for claim in claims) == 3


LINE = f"{GENUINE}    ".encode()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "INDEX is empty; its first line is the number of signatures"),
        (b"\n\n", "INDEX is empty; its first line is the number of signatures"),
        (LINE, f"line 1 of INDEX is '{GENUINE}    '; it is the number of signatures"),
        (b"\n1\n" + LINE, "line 1 of INDEX is ''; it is the number of signatures"),
        (b" 1\n" + LINE, "line 1 of INDEX is ' 1'; it is the number of signatures"),
        (b"+1\n" + LINE, "line 1 of INDEX is '+1'; it is the number of signatures"),
        (b"-1\n" + LINE, "line 1 of INDEX is '-1'; it is the number of signatures"),
        (b"1.0\n" + LINE, "line 1 of INDEX is '1.0'; it is the number of signatures"),
        (b"1_0\n" + LINE, "line 1 of INDEX is '1_0'; it is the number of signatures"),
        ("\uff11\n".encode() + LINE, r"line 1 of INDEX is '\xef\xbc\x91'; it is the number of signatures"),
        (b"\xef\xbb\xbf1\n" + LINE, "line 1 of INDEX begins with a byte order mark; save it as UTF-8 without one"),
        (
            b"9" * 5000 + b"\n" + LINE,
            f"line 1 of INDEX is '{'9' * 60}'...; it is the number of signatures",
        ),
        (b"0\n" + LINE, "line 1 of INDEX says 0 signatures, but it lists 1; mend the one or the other"),
        (b"3\n" + LINE, "line 1 of INDEX says 3 signatures, but it lists 1; mend the one or the other"),
        (b"7", "line 1 of INDEX says 7 signatures, but it lists 0; mend the one or the other"),
        (
            b"2\n" + LINE + b"\n" + LINE,
            f"line 3 of INDEX lists {GENUINE} a second time; an id is listed once",
        ),
        (
            b"2\nabcdef01-0000-4000-8000-000000000000    \nABCDEF01-0000-4000-8000-000000000000    \n",
            "line 3 of INDEX lists ABCDEF01-0000-4000-8000-000000000000 a second time; an id is listed once",
        ),
    ],
)
def test_an_index_that_contradicts_itself_is_refused(content: bytes, message: str) -> None:
    assert refusal(content) == message


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (b"", "''"),
        (b"# a remark", "'# a remark'"),
        (GENUINE.encode(), f"'{GENUINE}'"),
        (LINE[:-1], f"'{GENUINE}   '"),
        (LINE + b" ", f"'{GENUINE}     '"),
        (GENUINE.encode() + b"\t", rf"'{GENUINE}\t'"),
        (LINE + b"nobody", f"'{GENUINE}    nobody'"),
        (LINE + OTHER.encode() + b" ", f"'{GENUINE}    {OTHER[:20]}'..."),
        (LINE + b"\x00", rf"'{GENUINE}    \x00'"),
        (b"\x00" * 40, "'" + r"\x00" * 40 + "'"),
        (b"\x1b[2J\xff\xfe", r"'\x1b[2J\xff\xfe'"),
        (b"../../etc/passwd    ", "'../../etc/passwd    '"),
        (b"/etc/passwd    ", "'/etc/passwd    '"),
        (LINE + b"../../../etc/passwd", f"'{GENUINE}    ../../../etc/passwd'"),
        (b"{%b}    " % GENUINE.encode(), f"'{{{GENUINE}}}    '"),
        (GENUINE.replace("-", "").encode() + b"    ", f"'{GENUINE.replace('-', '')}    '"),
        (b"x" * 10_000, f"'{'x' * 60}'..."),
    ],
)
def test_a_line_that_is_none_is_refused_and_shown_in_one_short_line(line: bytes, shown: str) -> None:
    message = refusal(b"2\n%b    \n%b\n%b    \n" % (FORGED.encode(), line, OTHER.encode()))

    assert message == f"line 3 of INDEX is {shown}; it is an id (UUID), four spaces, and the parent's id or nothing"
    assert message.isprintable()


@pytest.mark.parametrize("content", [b"", b"7\n", b"2\n../../etc/passwd    \n", b"\x00\xff\n"])
def test_a_refused_index_leaves_everything_as_it_was(tmp_path: Path, content: bytes) -> None:
    site = site_b(tmp_path)
    site.load()
    before, digest = site.catalog(), site.digest()
    site.write({"INDEX": content})
    site.remove("b/ba75333d")
    site.write({"9/99999999": picture(), "3/3b13f6c1": picture()})

    with pytest.raises(DatasetError) as caught:
        site.load(allow_removals=True)

    assert (site.catalog(), site.digest()) == (before, digest)
    assert str(caught.value).startswith(f"{site.root}: ")
    assert str(caught.value).endswith("; nothing is touched until then")
    assert "\n" not in str(caught.value)


def test_a_mended_index_is_loaded(tmp_path: Path) -> None:
    site = site_b(tmp_path, {**SAMPLE_B, "INDEX": b"8" + SAMPLE_B["INDEX"][1:]})
    with pytest.raises(DatasetError, match="says 8 signatures, but it lists 7"):
        site.load()

    site.write({"INDEX": SAMPLE_B["INDEX"]})

    assert site.counts() == {"added": 7}


def test_a_missing_index_is_named_and_nothing_is_touched(tmp_path: Path) -> None:
    site = site_b(tmp_path)
    site.load()
    site.remove("INDEX")

    with pytest.raises(DatasetError) as caught:
        site.load()

    assert str(caught.value) == f"{site.root} has no INDEX, which says what its files are; nothing is touched"
    assert site.catalog()["signatures"] == 7


@pytest.mark.parametrize(
    ("kind", "said"),
    [("symlink", "it is a symbolic link, or lies behind one"), ("fifo", "it is no regular file")],
)
def test_an_index_that_is_no_file_is_neither_followed_nor_waited_for(tmp_path: Path, kind: str, said: str) -> None:
    site = site_b(tmp_path)
    (site.root / "INDEX").rename(tmp_path / "INDEX")
    if kind == "symlink":
        (site.root / "INDEX").symlink_to(tmp_path / "INDEX")
    else:
        os.mkfifo(site.root / "INDEX")

    with pytest.raises(DatasetError) as caught:
        site.load()

    assert str(caught.value) == f"{site.root}/INDEX cannot be read: {said}; nothing is touched"


def test_a_listed_file_that_is_not_there_is_a_rejection_until_it_comes(tmp_path: Path) -> None:
    site = site_b(tmp_path, {path: content for path, content in SAMPLE_B.items() if path != "1/18b406ee"})

    counts = site.counts()

    assert counts == {"added": 6, "rejected": 1}
    assert site.rejections() == {"1/18b406ee": Reason.FILE_MISSING}
    assert site.details() == {"1/18b406ee": "INDEX lists it, and it is not there"}
    assert site.catalog()["files"] == 6
    assert site.counts() == {"unchanged": 6, "rejected": 1}

    site.write({"1/18b406ee": b""})

    assert site.counts() == {"added": 1, "unchanged": 6}
    assert site.rejections() == {}


def test_a_missing_file_that_is_no_longer_listed_is_no_rejection_any_more(tmp_path: Path) -> None:
    site = site_b(tmp_path, {path: content for path, content in SAMPLE_B.items() if path != "3/3b13f6c1"})
    site.load()
    parents = {id_: parent for id_, parent in PARENTS_B.items() if not id_.startswith("3b13f6c1")}

    site.write({"INDEX": index(parents)})

    assert site.counts() == {"unchanged": 6}
    assert site.rejections() == {}


def test_a_listed_file_that_vanishes_is_retired_and_missed(tmp_path: Path) -> None:
    site = site_b(tmp_path)
    site.load()

    site.remove("3/3b13f6c1")

    assert site.counts() == {"unchanged": 6, "retired": 1, "rejected": 1}
    assert site.rejections() == {"3/3b13f6c1": Reason.FILE_MISSING}
    assert site.catalog()["retired"] == 1


def test_a_file_that_is_not_listed_is_a_rejection_until_it_is(tmp_path: Path) -> None:
    unlisted = uuid(0xABC)
    site = site_b(tmp_path, {**SAMPLE_B, file_of(unlisted): picture(), "1/README": b"", "1/2/18b406ee": b""})

    assert site.counts() == {"added": 7, "rejected": 3}
    assert site.rejections() == dict.fromkeys([file_of(unlisted), "1/README", "1/2/18b406ee"], Reason.NOT_LISTED)

    site.write({"INDEX": index({**PARENTS_B, unlisted: ""})})

    assert site.counts() == {"added": 1, "unchanged": 7, "rejected": 2}


def test_files_beside_the_index_are_no_part_of_the_data(tmp_path: Path) -> None:
    site = site_b(tmp_path, {**SAMPLE_B, "README.md": b"", "INDEX.bak": b"", "18b406ee": b""})

    assert site.counts() == {"added": 7}


def test_ids_that_share_their_file_are_told_of_each_other() -> None:
    one, other = "0000000a-0000-4000-8000-000000000001", "0000000a-0000-4000-8000-000000000002"

    with pytest.raises(Rejected) as caught:
        names({one: "", other: one, GENUINE: ""}).claim("0/0000000a")

    assert caught.value.reason is Reason.SHARED_FILE
    assert caught.value.detail == f"INDEX lists 2 signatures whose file this is: {one}, {other}"


def test_a_forgery_whose_parent_is_not_listed_is_rejected() -> None:
    found = reasons({GENUINE: "", FORGED: uuid(99)})

    assert found == {GENUINE: None, FORGED: Reason.PARENT_UNKNOWN}


def test_a_forgery_of_a_forgery_is_rejected_and_what_it_imitates_is_not() -> None:
    found = reasons({GENUINE: "", FORGED: GENUINE, OTHER: FORGED})

    assert found == {GENUINE: None, FORGED: None, OTHER: Reason.PARENT_FORGED}


def test_a_forgery_of_itself_is_rejected() -> None:
    found = reasons({FORGED: FORGED, GENUINE: ""})

    assert found == {FORGED: Reason.PARENT_IS_SELF, GENUINE: None}


@pytest.mark.parametrize("length", [2, 3, 1000])
def test_a_circle_of_parents_is_rejected_whole_and_what_leads_into_it_for_its_own_reason(length: int) -> None:
    circle = {uuid(n): uuid((n + 1) % length) for n in range(length)}
    outside = {uuid(length): uuid(0), uuid(length + 1): uuid(length), uuid(length + 2): ""}

    found = reasons({**outside, **circle})

    assert found == {
        **dict.fromkeys(circle, Reason.PARENT_CYCLE),
        uuid(length): Reason.PARENT_FORGED,
        uuid(length + 1): Reason.PARENT_FORGED,
        uuid(length + 2): None,
    }


@pytest.mark.parametrize("order", [1, -1], ids=["parents first", "children first"])
def test_a_chain_of_a_hundred_thousand_parents_is_no_more_than_many_lines(order: int) -> None:
    chain = [uuid(n) for n in range(100_000)]
    parents = dict(list(zip(chain, ["", *chain], strict=False))[::order])

    found = reasons(parents)

    assert found.pop(chain[0]) is None
    assert found.pop(chain[1]) is None
    assert set(found.values()) == {Reason.PARENT_FORGED}


@pytest.mark.parametrize(
    ("parents", "detail"),
    [
        ({FORGED: uuid(99)}, f"INDEX does not list the parent {uuid(99)} of {FORGED}"),
        ({FORGED: FORGED}, f"INDEX says that {FORGED} is a forgery of itself"),
        ({FORGED: OTHER, OTHER: FORGED}, f"INDEX leads from {FORGED} by its parents back to it"),
        (
            {FORGED: OTHER, OTHER: GENUINE, GENUINE: ""},
            f"INDEX says that the parent {OTHER} of {FORGED} is forged itself",
        ),
    ],
)
def test_a_parent_that_cannot_be_is_named(parents: dict[str, str], detail: str) -> None:
    with pytest.raises(Rejected) as caught:
        names(parents).claim(file_of(FORGED))

    assert caught.value.detail == detail


def test_a_forgery_is_loaded_though_its_parents_file_is_rejected(tmp_path: Path) -> None:
    site = site_b(tmp_path, {"INDEX": index({GENUINE: "", FORGED: GENUINE}), file_of(GENUINE): b"no picture"})
    site.write({file_of(FORGED): picture()})

    assert site.counts() == {"added": 1, "rejected": 1}
    assert site.catalog()["without_genuine"] == 1
    with site.warehouse() as warehouse:
        (forgery,) = warehouse.signatures()

    site.write({file_of(GENUINE): picture()})
    site.load()

    assert forgery.parent_id == site.ids()[file_of(GENUINE)]


def test_a_forgery_that_is_linked_to_another_parent_is_registered_anew_though_its_file_did_not_change(
    tmp_path: Path,
) -> None:
    parents = {GENUINE: "", OTHER: "", FORGED: GENUINE}
    site = site_b(tmp_path, {"INDEX": index(parents), **{file_of(id_): picture() for id_ in parents}})
    site.load()
    first = site.ids()

    site.write({"INDEX": index({**parents, FORGED: OTHER})})

    assert site.counts() == {"changed": 1, "unchanged": 2}
    with site.warehouse() as warehouse:
        (forgery,) = warehouse.signatures(authenticity="forged")
    assert forgery.parent_id == first[file_of(OTHER)]
    assert forgery.signee_id == site.signees()[OTHER]


def test_a_signature_that_is_linked_anew_leaves_no_second_one_behind(tmp_path: Path) -> None:
    # What it was under its old parent stayed in the catalogue: one file counted as two forgeries.
    parents = {GENUINE: "", OTHER: "", FORGED: GENUINE}
    site = site_b(tmp_path, {"INDEX": index(parents), **{file_of(id_): picture() for id_ in parents}})
    site.load()
    before = site.ids()

    for parent in (OTHER, "", GENUINE):
        site.write({"INDEX": index({**parents, FORGED: parent})})
        site.load()

        clean = site.afresh()
        clean.load()
        assert site.digest() == clean.digest()
        assert site.catalog()["signatures"] == 3

    assert site.ids() == before
    assert site.catalog()["retired"] == 2  # as a forgery of the other one, and as a genuine signature


def test_a_listed_path_is_not_followed_through_links(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(picture())
    site = site_b(tmp_path / "site")
    (site.root / "3/3b13f6c1").unlink()
    (site.root / "3/3b13f6c1").symlink_to(secret)
    (site.root / "1").rename(tmp_path / "elsewhere")
    (site.root / "1").symlink_to(tmp_path / "elsewhere")
    before = snapshot(tmp_path / "elsewhere")

    site.load()

    assert site.rejections() == {
        "1": Reason.SYMLINK,
        "3/3b13f6c1": Reason.SYMLINK,
    }
    assert site.catalog()["signatures"] == 4
    assert snapshot(tmp_path / "elsewhere") == before
