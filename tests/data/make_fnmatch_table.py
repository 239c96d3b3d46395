#!/usr/bin/env python3
"""Prints the table that tests/data/fnmatch.tsv holds: pattern, name, 1 or 0, as Python's fnmatch.fnmatchcase answers.

Needs Python 3.11 or later (older ones refuse reversed ranges in sets). Run it only to add cases:
    python3 tests/data/make_fnmatch_table.py > tests/data/fnmatch.tsv
"""
import fnmatch
import os
import random

PATTERNS_AND_NAMES = {
    # plain text and stars
    "": ["", "a", "\n"],
    "*": ["", "a", "a/b", ".hidden", "a\nb", b"\xff", "я"],
    "**": ["", "a", "a/b"],
    "*.tmp": [".tmp", "a.tmp", "dir/a.tmp", "a.tmp/", "a.tmpx", "A.TMP", "a.tm", "\n.tmp"],
    "tmp": ["tmp", "tmp/", "tmp/f", "atmp", "Tmp"],
    "tmp/*": ["tmp", "tmp/", "tmp/f", "tmp/a/b", "a/tmp/f", "tmpx/f"],
    "*/tmp/*": ["tmp/f", "a/tmp/f", "/tmp/f", "a/b/tmp/c/d", "a/tmp"],
    "a*b*c": ["abc", "aXbXc", "aXbXcX", "acb", "abcbc", "ab", "abbc", "aabbcc"],
    "a*b*b": ["abb", "ab", "abXb", "abbX"],
    "*a*a*": ["aa", "a", "bab", "baab", "abba"],
    "a**b": ["ab", "aXXb", "ba"],
    "*aa": ["aa", "aaa", "baa", "a", "aab"],
    "aa*aa": ["aa", "aaa", "aaaa", "aaaaa", "aabaa"],
    "*ab*ab": ["ab", "abab", "aabab", "ababX", "abXab"],
    "*а": ["а", "ба", "a"],
    # question marks
    "?": ["", "a", "ab", "/", "я", "\n", b"\xff", b"\xd1\x8f", b"\xd1", "€", "😀"],
    "??": ["я", "яя", b"\xd1\xff", b"\xff\xfe", b"\xe2\x82", b"\xf0\x9f\x98", "ab"],
    "???": [b"\xe2\x82\x28", b"\xed\xa0\x80", b"\xf0\x9f\x98", "абв", "абвг"],
    "a?c": ["abc", "ac", "a/c", "aяc", b"a\xffc", "abbc", "a\nc"],
    "?*": ["", "a", "ab"],
    "*?": ["", "a", "ab"],
    "*?*?*": ["a", "ab", "abc", ""],
    # sets
    "[abc]": ["a", "b", "c", "d", "", "ab", "A"],
    "[!abc]": ["a", "d", "!", "", "я", b"\xff", "/", "\n"],
    "[a-c]x": ["ax", "bx", "cx", "dx", "-x"],
    "[!a-c]x": ["ax", "dx", "-x", "!x"],
    "[]]": ["]", "[", ""],
    "[]abc]": ["]", "a", "["],
    "[!]]": ["]", "a", "!"],
    "[!]a]": ["]", "a", "b", "!"],
    "[]-a]": ["]", "^", "_", "a", "`", "-", "b"],
    "[!]-a]": ["]", "_", "a", "-", "z"],
    "[]-Z]": ["]", "Z", "-", "["],
    "[!]-Z]": ["]", "Z", "-", "["],
    "[a-]": ["a", "-", "b"],
    "[-a]": ["a", "-", "b"],
    "[!-a]": ["a", "-", "!", "b"],
    "[a-c-e]": ["a", "b", "c", "-", "e", "d"],
    "[a-c-e-g]": ["a", "c", "-", "e", "f", "g", "d"],
    "[--a]": ["-", "a", ".", "Z", ","],
    "[---]": ["-", ",", "."],
    "[----]": ["-", ",", "."],
    "[!---]": ["-", ",", "!"],
    "[+--]": ["+", ",", "-", "."],
    "[a--]": ["a", "-", "b"],
    "[b-a]": ["a", "b", "-", ""],
    "[!b-a]": ["a", "b", "-", "", "ab"],
    "[b-ac]": ["a", "b", "c", "-"],
    "[xb-a]": ["a", "b", "x", "-"],
    "[b-a!x]": ["!", "x", "b", "a", "y"],
    "[b-a!]": ["!", "b", "y"],
    "[b-a^x]": ["^", "x", "b", "y"],
    "[x-a!-z]": ["!", "-", "z", "a", "y"],
    "[a-zc-b]": ["a", "m", "z", "c", "-"],
    "[c-ab-d]": ["a", "b", "c", "d", "-"],
    "[z-ac-dx]": ["a", "c", "d", "x", "z", "-"],
    "[^a]": ["^", "a", "b"],
    "[!^a]": ["^", "a", "b"],
    "[^-a]": ["^", "_", "a", "b", "-"],
    "[[]": ["[", "]", "a"],
    "[[]a]": ["[a]", "a]", "["],
    "[[:alpha:]]": [":]", "a]", "[]", "a", "z]"],
    "[a[b]c]": ["ac]", "[c]", "bc]", "abc]"],
    "[&&~|]": ["&", "~", "|", "a"],
    "[a&&b]": ["a", "&", "b"],
    "[a-&]": ["a", "&", "-"],
    "[&-a]": ["&", "a", "A", "%"],
    "[~~-a]": ["~", "-", "a"],
    "[*]": ["*", "a", ""],
    "[?]": ["?", "a", ""],
    "[*?]x": ["*x", "?x", "ax"],
    "[!*]": ["*", "a"],
    "[ ]": [" ", ""],
    "[.]": [".", "a"],
    "[/]": ["/", "a"],
    "[0-9]*": ["0", "9a", "a9", "٣"],
    "[a-zA-Z_]": ["m", "M", "_", "-", "0"],
    "[!a-zA-Z_]": ["m", "M", "_", "-", "0"],
    # unclosed sets are text
    "[": ["[", "", "a"],
    "[]": ["[]", "[", "]", ""],
    "[!": ["[!", "!", "["],
    "[!]": ["[!]", "!", "a", "[]"],
    "[a": ["[a", "a"],
    "[a-": ["[a-", "a"],
    "a[": ["a[", "a"],
    "[[": ["[[", "["],
    "[!]a": ["[!]a", "a", "ba"],
    "[]*": ["[]", "[]x", "]"],
    "[*": ["[", "[x", "x"],
    "[?": ["[x", "[", "x"],
    "x[]": ["x[]", "x"],
    "]": ["]", "["],
    "[a]]": ["a]", "a", "]"],
    "[]]]": ["]]", "]"],
    # backslashes are text
    "\\": ["\\", ""],
    "\\*": ["\\", "\\a", "*", "a"],
    "\\?": ["\\a", "?", "\\"],
    "[\\]": ["\\", "]", "[\\]"],
    "[\\]]": ["\\]", "]", "\\"],
    "[\\-a]": ["\\", "]", "a", "-", "b"],
    "[+-\\]": ["+", "\\", "A", "]"],
    "[a\\]b]": ["ab]", "\\b]", "]"],
    "\\[a]": ["\\a", "[a]"],
    "\\\\": ["\\\\", "\\"],
    "\\n": ["\\n", "\n"],
    "\\d": ["\\d", "1", "d"],
    # what regular expressions would take for operators
    "a.b": ["a.b", "aXb"],
    "a+b": ["a+b", "aab"],
    "(a|b)": ["(a|b)", "a"],
    "^a$": ["^a$", "a"],
    "a{2}": ["a{2}", "aa"],
    "{a,b}": ["{a,b}", "a"],
    "!a": ["!a", "b"],
    "#a": ["#a", "a"],
    # line breaks
    "a": ["a", "a\n", "\na"],
    "a\nb": ["a\nb", "ab"],
    "*\n": ["\n", "a\n", "a"],
    # characters of several bytes
    "я": ["я", b"\xd1", "Я", "a"],
    "[а-я]": ["а", "ж", "я", "ё", "А", "a", b"\xd0", b"\xd1\x8f"],
    "[!а-я]": ["ж", "ё", "a", b"\xd0", b"\xd0\xb6", b"\xd0\xb6\xff"],
    "[яё]*": ["ёлка", "яма", "елка", b"\xd1"],
    "[я-а]": ["я", "а", "ж"],
    "*ж*": ["ж", "ежи", b"\xd0\xb6", b"\xffx\xd0\xb6", b"\xd0", b"\xb6"],
    "архив-*.gz": ["архив-1.gz", "архив-.gz", "архив.gz"],
    "[€]": ["€", b"\xe2", b"\xe2\x82\xac"],
    "[😀-😂]": ["😀", "😁", "😃", b"\xf0\x9f\x98\x81"],
    "й": ["й", "и\u0306"],
    "и?": ["и\u0306", "й"],
    "[\ud7ff-\ue000]": [b"\x80", b"\xff", "\ue000", "a"],
    "*[!\x01-\x7f]*": ["abc", "abя", b"ab\xff", ""],
    # bytes that are not UTF-8
    "a*b": [b"a\xffb", b"a\xff", b"\xffb", b"a\xd1b"],
    "a[!x]b": [b"a\xffb", b"a\xd1\x8fb", b"a\xd1b", b"a\xd1\xffb", "axb"],
    "*.txt": [b"\xff.txt", b"\xd1.txt", b"\xff\xfe\xfd.txt"],
    "x?*y": [b"x\xffy", b"xy", b"x\xff\xffy"],
}


def random_cases(count):
    """Short texts over the characters that matter."""
    chance = random.Random(20070707)
    for _ in range(count):
        pattern = "".join(chance.choice("[]!-*?\\^abcd") for _ in range(chance.randint(1, 9)))
        for _ in range(4):
            name = "".join(chance.choice("[]!-\\^abcd") for _ in range(chance.randint(0, 4)))
            yield pattern, name.encode()


def escaped(data):
    return "".join(chr(b) if 0x20 <= b < 0x7F and b != 0x5C else f"\\x{b:02x}" for b in data)


def main():
    cases = [
        (pattern, name if isinstance(name, bytes) else name.encode())
        for pattern, names in PATTERNS_AND_NAMES.items()
        for name in names
    ]
    cases += random_cases(120)
    print("# pattern, name, whether Python's fnmatchcase matches; made by make_fnmatch_table.py")
    for pattern, name in dict.fromkeys(cases):
        matches = fnmatch.fnmatchcase(os.fsdecode(name), pattern)
        print(escaped(pattern.encode()), escaped(name), int(matches), sep="\t")


main()
