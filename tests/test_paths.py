"""One file has one stored path, on every system, whatever its name is made of."""

from __future__ import annotations

import os
import sys
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wkmp_orm.errors import ConfigurationError, PathOutsideRootError
from wkmp_orm.paths import file_path, path_from_text, path_text, path_under_root, stored_path

ROOT = PurePosixPath("/music")
WINDOWS_ROOT = PureWindowsPath("C:\\Music")

needs_byte_names = pytest.mark.skipif(
    sys.platform in {"win32", "darwin"}, reason="file names are bytes only on Linux and the like"
)

byte_names = (
    st.binary(min_size=1, max_size=40)
    # What escapes are made of, far more often than chance would have it.
    | st.lists(st.sampled_from([b"\\", b"x", b"5C", b"E9", b"\xe9", "é".encode(), b"."])).map(
        b"".join
    )
).filter(lambda name: name not in {b"", b".", b".."} and not {0, ord("/")} & set(name))

SPELLINGS = [
    pytest.param(b"Nina Simone/01 Sinnerman.flac", "Nina Simone/01 Sinnerman.flac", id="plain"),
    pytest.param("Björk/Jóga.mp3".encode(), "Björk/Jóga.mp3", id="UTF-8"),
    pytest.param("u\u0308 decomposed".encode(), "u\u0308 decomposed", id="NFD-stays-NFD"),
    pytest.param("\u00fc composed".encode(), "\u00fc composed", id="NFC-stays-NFC"),
    pytest.param(b"caf\xe9.mp3", "caf\\xE9.mp3", id="Latin-1"),
    pytest.param(b"a\\xE9.mp3", "a\\x5CxE9.mp3", id="seeming-escape"),
    pytest.param(b"a\\x5Cb", "a\\x5Cx5Cb", id="seeming-escaped-backslash"),
    pytest.param(b"AC\\DC.mp3", "AC\\DC.mp3", id="backslash"),
    pytest.param(b"a\\xe9.mp3", "a\\xe9.mp3", id="lower-case-is-no-escape"),
    pytest.param(b"a\\x2Fb", "a\\x2Fb", id="no-escape-hides-a-slash"),
    pytest.param(b"\\\xe9", "\\\\xE9", id="backslash-before-a-byte"),
    pytest.param(b"\xed\xa0\x80", "\\xED\\xA0\\x80", id="half-a-surrogate-pair"),
    pytest.param(b" leading and trailing ", " leading and trailing ", id="spaces"),
    pytest.param(b"new\nline", "new\nline", id="newline"),
]


@needs_byte_names
@pytest.mark.parametrize(("name", "stored"), SPELLINGS)
def test_a_name_is_stored_as_documented(name: bytes, stored: str) -> None:
    file = ROOT / os.fsdecode(name)
    assert stored_path(file, ROOT) == stored
    assert file_path(stored, ROOT) == file


@needs_byte_names
@given(names=st.lists(byte_names, min_size=1, max_size=4))
@example(names=[b"\\x5CxE9"])
@example(names=[b"\\x", b"5C"])
def test_every_name_of_bytes_comes_back_from_its_stored_text(names: list[bytes]) -> None:
    file = ROOT / os.fsdecode(b"/".join(names))
    stored = stored_path(file, ROOT)
    stored.encode("utf-8")
    assert os.fsencode(file_path(stored, ROOT)) == b"/music/" + b"/".join(names)


@needs_byte_names
@given(one=byte_names, other=byte_names)
@example(one=b"\xe9", other=b"\\xE9")
@example(one=b"\\xE9", other=b"\\x5CxE9")
def test_two_names_are_never_stored_as_one(one: bytes, other: bytes) -> None:
    stored = {path_text(PurePath(os.fsdecode(name))) for name in (one, other)}
    assert len(stored) == len({one, other})


@given(name=st.text(min_size=1).filter(lambda name: "\\" not in name))
def test_text_without_a_backslash_is_stored_unchanged(name: str) -> None:
    path = PurePosixPath(name)
    if "\0" in name or any("\ud800" <= character <= "\udfff" for character in name):
        return
    assert path_text(path) == path.as_posix()


@pytest.mark.smoke
@needs_byte_names
@pytest.mark.parametrize("name", [b"caf\xe9.mp3", b"a\\xE9.mp3", b"AC\\DC.mp3", b"n\nl"], ids=repr)
def test_a_real_file_is_found_again_by_its_stored_path(tmp_path: Path, name: bytes) -> None:
    written = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name))
    written.write_bytes(b"sound")
    (listed,) = tmp_path.iterdir()
    assert file_path(stored_path(listed, tmp_path), tmp_path).read_bytes() == b"sound"


@needs_byte_names
def test_an_absolute_path_comes_back_from_its_text() -> None:
    path = Path(os.fsdecode(b"/mnt/caf\xe9/\\xE9"))
    assert path_text(path) == "/mnt/caf\\xE9/\\x5CxE9"
    assert path_from_text(path_text(path)) == path


def test_windows_separators_are_stored_as_slashes() -> None:
    file = WINDOWS_ROOT / "Nina Simone\\01 Sinnerman.flac"
    assert stored_path(file, WINDOWS_ROOT) == "Nina Simone/01 Sinnerman.flac"
    assert file_path("Nina Simone/01 Sinnerman.flac", WINDOWS_ROOT) == file
    assert path_text(WINDOWS_ROOT) == "C:/Music"


@pytest.mark.parametrize(
    ("file", "root"),
    [
        pytest.param("/elsewhere/a.mp3", "/music", id="elsewhere"),
        pytest.param("/music2/a.mp3", "/music", id="same-beginning"),
        pytest.param("/music", "/music", id="the-root-itself"),
        pytest.param("/", "/music", id="above"),
        pytest.param("/music/../secret/a.mp3", "/music", id="dot-dot"),
        pytest.param("/music/jazz/../a.mp3", "/music", id="dot-dot-that-stays-inside"),
        pytest.param("a.mp3", "/music", id="relative"),
    ],
)
def test_a_file_that_is_not_below_the_root_is_refused(file: str, root: str) -> None:
    with pytest.raises(PathOutsideRootError, match="does not lie below the library's root"):
        stored_path(PurePosixPath(file), PurePosixPath(root))


@pytest.mark.parametrize(
    "stored",
    ["", "/etc/passwd", "..", "../a", "a/../b", "a//b", "a/", "/a", ".", "./a", "a/./b"],
    ids=repr,
)
@pytest.mark.parametrize("root", [ROOT, WINDOWS_ROOT], ids=["posix", "windows"])
def test_stored_text_that_leads_elsewhere_is_refused(stored: str, root: PurePath) -> None:
    with pytest.raises(PathOutsideRootError, match="correct it in the database"):
        file_path(stored, root)


@pytest.mark.parametrize("stored", ["C:/a", "D:a", "a\\..\\b", "\\a", "..\\a", "a\\x5Cb"], ids=repr)
def test_stored_text_that_windows_would_read_otherwise_is_refused_there(stored: str) -> None:
    with pytest.raises(PathOutsideRootError):
        file_path(stored, WINDOWS_ROOT)


@given(stored=st.text(alphabet="ab./\\xEC59:\xe9"))
def test_stored_text_leads_below_the_root_or_nowhere(stored: str) -> None:
    for root in (ROOT, WINDOWS_ROOT):
        try:
            path = file_path(stored, root)
        except PathOutsideRootError:
            continue
        assert len(path.parts) == len(root.parts) + 1 + stored.count("/")
        assert path.is_relative_to(root)
        assert ".." not in path.parts


@pytest.mark.parametrize("text", ["a\0b", "\ud800"], ids=["NUL", "half-a-surrogate-pair"])
def test_text_that_no_file_name_can_have_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="is no path"):
        file_path(text, ROOT)


@needs_byte_names
@pytest.mark.parametrize("name", ["a\0b", "\ud800"], ids=["NUL", "half-a-surrogate-pair"])
def test_a_path_that_no_file_can_have_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match="is no path"):
        stored_path(ROOT / name, ROOT)


def test_a_refused_name_is_printable_whatever_its_bytes() -> None:
    with pytest.raises(PathOutsideRootError) as refused:
        stored_path(PurePosixPath("/else/caf\udce9"), ROOT)
    str(refused.value).encode("utf-8")


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """Make a root with the folder `Jazz` and a link `Other disk` to a folder outside it."""
    root = tmp_path / "music"
    (root / "Jazz").mkdir(parents=True)
    (tmp_path / "disk" / "Soul").mkdir(parents=True)
    (root / "Other disk").symlink_to(tmp_path / "disk", target_is_directory=True)
    (tmp_path / "alias").symlink_to(root, target_is_directory=True)
    return root


def test_a_file_behind_a_link_is_stored_under_the_name_of_the_link(library: Path) -> None:
    file = library / "Other disk" / "Soul" / "a.mp3"
    assert stored_path(file, library) == "Other disk/Soul/a.mp3"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        pytest.param("music/Jazz", "Jazz", id="as-it-is"),
        pytest.param("music", ".", id="the-root-itself"),
        pytest.param("alias/Jazz", "Jazz", id="through-a-link-to-the-root"),
        pytest.param("music/Other disk/Soul", "Other disk/Soul", id="through-a-link-inside"),
        pytest.param("disk/../music/Jazz", "Jazz", id="dot-dot"),
        pytest.param("music/Jazz/not there", "Jazz/not there", id="not-there-yet"),
    ],
)
def test_a_typed_path_is_respelled_from_the_root(library: Path, typed: str, meant: str) -> None:
    assert path_under_root(library.parent / typed, library) == library / meant


def test_a_relative_path_counts_from_the_current_directory(
    library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(library / "Jazz")
    assert path_under_root(Path(), library) == library / "Jazz"
    assert path_under_root(Path("a.mp3"), library) == library / "Jazz" / "a.mp3"


def test_a_link_that_leads_into_the_root_is_respelled(library: Path) -> None:
    shortcut = library.parent / "shortcut"
    shortcut.symlink_to(library / "Jazz", target_is_directory=True)
    assert path_under_root(shortcut, library) == library / "Jazz"


def test_a_folder_beside_the_root_is_refused(library: Path) -> None:
    with pytest.raises(PathOutsideRootError, match="a library of its own"):
        path_under_root(library.parent / "disk" / "Soul", library)


def test_a_root_that_is_not_mounted_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="gone' cannot be reached: mount it"):
        path_under_root(tmp_path, tmp_path / "gone")


def test_a_nul_in_a_typed_path_is_refused(library: Path) -> None:
    with pytest.raises(ConfigurationError, match="NUL"):
        path_under_root(Path("a\0b"), library)


def test_another_case_is_respelled_where_the_file_system_takes_it(library: Path) -> None:
    if not (library / "jazz").exists():
        pytest.skip("this file system tells upper from lower case")
    assert path_under_root(library / "jAZZ" / "a.mp3", library) == library / "Jazz" / "a.mp3"
    (library / "Jazz" / "B.mp3").touch()
    assert path_under_root(library / "jazz" / "b.MP3", library) == library / "Jazz" / "B.mp3"
