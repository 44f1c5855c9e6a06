"""Encoding: which one the bytes of a sample are in, and how sure that is.

Byte order marks, the pattern of NULs in UTF-16 and UTF-32 and the strictness of UTF-8 settle most
files. Single-byte encodings of Western and Central Europe differ in a few letters only, and general
detectors mistake one for another in files as short on words as a CSV is: those are told apart here
by where their letters and signs stand. charset-normalizer decides among the rest.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Sequence

from pipelines.detect.found import Finding

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Letters beyond ASCII of the languages that are written in each encoding. A text is mostly in one
# of them, which tells apart what its letters alone would not; other letters count half.
_WESTERN = (
    set("áéíóúñü"), set("áâãàçéêíóôõú"), set("àâçéèêëîïôûùüœæ"), set("äöüß"), set("àèéìòù"),
    set("åäöé"), set("æøåé"), set("àçéèíïóòúü"), set("éëïóöü"),
)  # fmt: skip
_CENTRAL = (
    set("ąćęłńóśźż"), set("áčďéěíňóřšťúůýž"), set("áäčďéíĺľňóôŕšťúýž"), set("áéíóöőúüű"),
    set("ăâîșțşţ"), set("čćđšž"), set("äöüß"),
)  # fmt: skip
_BALTIC = (set("ąčęėįšųūž"), set("āčēģīķļņšūž"), set("äöõüšž"))
_TURKISH = (set("çğıöşüâîûİ"),)
_EUROPEAN = (
    ("cp1252", _WESTERN),
    ("iso-8859-15", _WESTERN),
    ("cp1250", _CENTRAL),
    ("iso-8859-2", _CENTRAL),
    ("cp850", _WESTERN),
    ("mac_roman", _WESTERN),
    ("cp1257", _BALTIC),
    ("iso8859_13", _BALTIC),
    ("cp1254", _TURKISH),
)
# Scripts of other letters, by their letters from the most to the less usual.
_CYRILLIC, _GREEK = "оеаинтсрвлкмдпуя", "αοιετσνηυρπκμλςω"
_HEBREW, _ARABIC = "יוהלאתרשמבנםדקחעפטגכ", "اليمونرتبةعدسفهكقحجش"
_UNCASED = (
    ("cp1255", _HEBREW),
    ("iso8859_8", _HEBREW),
    ("cp862", _HEBREW),
    ("cp1256", _ARABIC),
    ("iso8859_6", _ARABIC),
)
_SCRIPTS = (
    ("cp1251", _CYRILLIC),
    ("koi8_r", _CYRILLIC),
    ("cp866", _CYRILLIC),
    ("iso8859_5", _CYRILLIC),
    ("cp1253", _GREEK),
    ("iso8859_7", _GREEK),
)
_SIGNS = set("€£¥§°©®™«»“”„‘’–—…º²³½¼¾±×·•¿¡ª\u00a0")
_OTHERS = ["cp1251", "koi8_r", "cp1253", "cp1254", "cp1255", "cp1256", "cp874",
           "shift_jis", "euc_jp", "gb18030", "big5", "euc_kr"]  # fmt: skip
_ENOUGH = 0.8
_USUAL = 0.4
_UNDECIDED = 0.55
_SOME = 64 * 1024


def find_encoding(sample: bytes) -> Finding:
    """The encoding of the sample, which may be cut in the middle of a character."""
    for mark, name in _MARKS:
        if sample.startswith(mark):
            return _finding(name, 1.0, "the file starts with a byte order mark")
    wide = _wide(sample)
    if wide is not None:
        return wide
    if sample.isascii():
        return _finding("utf-8", 0.9, "only ASCII so far, which nearly every encoding contains")
    wrong, right = _utf8_places(sample)
    if right and wrong <= right * 0.05:
        if not wrong:
            sure = 0.99 if right > 2 else 0.9
            return _finding("utf-8", sure, f"{right:,} characters beyond ASCII are valid UTF-8")
        return _finding(
            "utf-8", 0.8, f"{right:,} characters are valid UTF-8, and {wrong:,} places are not"
        )
    return _single(sample)


def _finding(name: str, confidence: float, evidence: str) -> Finding:
    return Finding(what="encoding", value=name, confidence=confidence, evidence=evidence)


def _wide(sample: bytes) -> Finding | None:
    """UTF-16 or UTF-32 without a byte order mark: every second byte, or three of four, is NUL."""
    head = sample[: len(sample[:4096]) // 4 * 4]
    if len(head) < 8 or head.count(0) < len(head) * 0.3:
        return None
    nul = [sum(byte == 0 for byte in head[at::4]) / (len(head) // 4) for at in range(4)]
    few = 0.2
    shapes = {
        "utf-32-le": nul[0] < few and min(nul[1:]) > 1 - few,
        "utf-32-be": nul[3] < few and min(nul[:3]) > 1 - few,
        "utf-16-le": max(nul[0], nul[2]) < few and min(nul[1], nul[3]) > 1 - few,
        "utf-16-be": max(nul[1], nul[3]) < few and min(nul[0], nul[2]) > 1 - few,
    }
    for name, fits in shapes.items():
        if fits:
            return _finding(name, 0.95, "NUL bytes stand where its Latin letters have them")
    return None


def _utf8_places(sample: bytes) -> tuple[int, int]:
    """How many places are not UTF-8, and how many characters beyond ASCII are."""
    text = codecs.getincrementaldecoder("utf-8")("replace").decode(sample)
    wrong = len(re.findall("\ufffd+", text)) - len(re.findall(b"(?:\xef\xbf\xbd)+", sample))
    right = sum(not char.isascii() for char in text) - text.count("\ufffd")
    return max(wrong, 0), right


def _single(sample: bytes) -> Finding:
    """The single- or double-byte encoding that makes the most sense of the bytes."""
    some = _around_high_bytes(sample)
    scores = {name: _sense(some, name, letters) for name, letters in _EUROPEAN}
    best = max(scores, key=lambda name: scores[name])
    if scores[best] >= _ENOUGH and not _foreign(some):
        same = {name for name in scores if _same(some, name, best)}
        if "cp1252" in same:
            # Where the bytes mean the same in both, the more usual one is likelier to fit the next.
            best = "cp1252"
        others = [scores[name] for name in scores if name not in same]
        sure = min(0.95, 0.5 + scores[best] - max(others, default=0.0))
        words = f"{scores[best]:.0%} of the characters beyond ASCII make sense where they stand"
        if sure < _UNDECIDED:
            rival = max(
                (name for name in scores if name not in same), key=lambda name: scores[name]
            )
            words += f"; {rival} makes nearly as much of them: ASK THE SENDER"
        return _finding(best, round(sure, 2), words)
    script, share, rival = _script(some)
    if share >= _USUAL:
        if rival:
            words = f"{rival} makes as much sense of its letters: ASK THE SENDER"
            return _finding(script, 0.5, words)
        return _finding(script, 0.85, "its letters are the usual ones of their script")
    from charset_normalizer import from_bytes

    match = from_bytes(some, cp_isolation=_OTHERS, threshold=0.5).best()
    if match is None:
        return _finding("cp1252", 0.2, "no encoding makes sense of the bytes beyond ASCII")
    words = (
        "charset-normalizer finds the text most orderly in it; compare some words: ASK THE SENDER"
    )
    return _finding(match.encoding, 0.55, words)


def _script(some: bytes) -> tuple[str, float, str]:
    """The encoding whose letters are the most usual ones of their script, how usual they are (0 to
    1), and another one that reads other letters which are nearly as usual."""
    beyond = max(1, sum(byte > 127 for byte in some))
    shares = {}
    for name, usual in (*_SCRIPTS, *_UNCASED):
        text = some.decode(name, "replace")
        words = re.findall(r"[^\W\d_]+", text)
        sound = [
            word for word in words if not re.search("[a-zA-Z]", word) and _is_sound(word, usual)
        ]
        # Decomposed, a letter comes before its accents.
        plain = [unicodedata.normalize("NFD", char.lower())[0] for char in "".join(sound)]
        points = sum(1 - usual.index(char) / len(usual) for char in plain if char in usual)
        undefined = 1 - text.count("\ufffd") / beyond
        shares[name] = points / beyond * undefined**2 * _habit(sound, usual)
    best, *others = sorted(shares, key=lambda name: -shares[name])
    read = some.decode(best, "replace")
    rival = next((name for name in others if some.decode(name, "replace") != read), best)
    near = shares[rival] > 0.85 * shares[best]
    return best, shares[best], rival if near else ""


def _is_sound(word: str, usual: str) -> bool:
    """Whether a word is of the script, with its capitals where words have them."""
    if usual in (_HEBREW, _ARABIC):
        return all(unicodedata.name(char, "")[:6] in ("HEBREW", "ARABIC") for char in word)
    return _is_cased(word)


def _habit(words: Sequence[str], usual: str) -> float:
    """Less than 1 where words break a habit of their script: Greek ones have accents, and some
    Hebrew letters stand at the end only."""
    long = [word for word in words if len(word) > 3]
    if usual == _GREEK and long:
        plain = [word for word in long if word == _bare(word) and not word.isupper()]
        return 1 - 0.15 * len(plain) / len(long)
    if usual == _HEBREW and words:
        return 1 - 0.5 * sum(bool(re.search("[ךםןףץ].", word)) for word in words) / len(words)
    return 1.0


def _bare(word: str) -> str:
    return "".join(
        char for char in unicodedata.normalize("NFD", word) if not unicodedata.combining(char)
    )


def _is_cased(word: str) -> bool:
    """Whether a word has its capitals where words have them."""
    return word.islower() or word.istitle() or word.isupper()


def _around_high_bytes(sample: bytes) -> bytes:
    """The lines that have bytes beyond ASCII, up to 64 KB of them."""
    kept, size = [], 0
    for line in sample.splitlines(keepends=True):
        if not line.isascii():
            kept.append(line)
            size += len(line)
            if size > _SOME:
                break
    return b"".join(kept)


def _foreign(some: bytes) -> bool:
    """Whether whole words are beyond ASCII, as in no language of Western or Central Europe."""
    runs = re.findall(rb"[\x80-\xff]+", some)
    long = sum(len(run) for run in runs if len(run) > 2)
    return long > 0.5 * sum(map(len, runs))


def _same(some: bytes, one: str, other: str) -> bool:
    return some.decode(one, "replace") == some.decode(other, "replace")


def _sense(some: bytes, encoding: str, languages: Sequence[set[str]]) -> float:
    """The share of characters beyond ASCII that stand where such characters do; less if they are
    not all of one language."""
    text = f" {some.decode(encoding, 'replace')} "
    letters = set[str]().union(*languages)
    points = [
        _point(text[at - 1], char, text[at + 1], letters)
        for at, char in enumerate(text)
        if not char.isascii()
    ]
    if not points:
        return 0.0
    used = [char for char in text if not char.isascii() and char.isalpha()]
    one = max((sum(_is_of(char, own) for char in used) for own in languages), default=0)
    return sum(points) / len(points) * (0.75 + 0.25 * (one / len(used) if used else 1.0))


def _is_of(char: str, letters: set[str]) -> bool:
    return char in letters or char.lower() in letters


def _point(before: str, char: str, after: str, letters: set[str]) -> float:
    if char.isalpha() and char not in "ªº":
        if char == "ç" and after.isalpha() and after not in "aouàâáãôóúıüöekil":
            return 0.4
        shouted = char.isupper() and before.islower()
        lone = not before.isalpha() and not after.isalpha()
        return 0.0 if shouted or lone else (1.0 if _is_of(char, letters) else 0.4)
    inside = before.isalpha() and after.isalpha() and char not in "’·"
    if char == "¤" or char not in _SIGNS or inside:
        return 0.0
    return 1.0
