"""Writes the workbooks of this folder, without a library: see README.md."""

import struct
import zipfile
from xml.sax.saxutils import escape

STAMP = (2024, 1, 1, 0, 0, 0)


def archive(name, files):
    with zipfile.ZipFile(name, "w") as made:
        for path, text in files:
            info = zipfile.ZipInfo(path, STAMP)
            stored = path == "mimetype"
            info.compress_type = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
            made.writestr(info, text)


# --- XLSX

MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
REL = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'

# Number formats of cells: 1 is a date, 2 a date with a time, 3 a postal code.
STYLES = (
    f"{HEAD}<styleSheet {MAIN}><numFmts count=\"2\">"
    '<numFmt numFmtId="164" formatCode="00000"/><numFmt numFmtId="165" formatCode="yyyy\\-mm\\-dd hh:mm"/></numFmts>'
    '<fonts count="1"><font/></fonts><fills count="1"><fill/></fills><borders count="1"><border/></borders>'
    '<cellStyleXfs count="1"><xf/></cellStyleXfs><cellXfs count="4"><xf numFmtId="0"/>'
    '<xf numFmtId="14" applyNumberFormat="1"/><xf numFmtId="165" applyNumberFormat="1"/>'
    '<xf numFmtId="164" applyNumberFormat="1"/></cellXfs></styleSheet>'
)


# Formats of ids, a postal code and a phone number, and one that is not known.
SHOWN = [
    '"CUST-"0000',
    "00000;-00000",
    "[<=9999999]###\\-####;\\(###\\)\\ ###\\-####",
    '#,##0" pieces"',
]


def styles_of(formats):
    """Styles from 1 on, with these number formats."""
    known = "".join(
        f'<numFmt numFmtId="{164 + number}" formatCode="{escape(text, {chr(34): "&quot;"})}"/>'
        for number, text in enumerate(formats)
    )
    cells = "".join(f'<xf numFmtId="{164 + number}" applyNumberFormat="1"/>' for number in range(len(formats)))
    return (
        f'{HEAD}<styleSheet {MAIN}><numFmts count="{len(formats)}">{known}</numFmts>'
        f'<cellXfs count="{len(formats) + 1}"><xf numFmtId="0"/>{cells}</cellXfs></styleSheet>'
    )


class Formula:
    """A formula, and what is written of its value in XLSX and ODS."""

    def __init__(self, xlsx, ods, kind=""):
        self.xlsx, self.ods, self.kind = xlsx, ods, kind


class Shown:
    """A number with a style in XLSX, and the text beside it in ODS."""

    def __init__(self, number, style, text):
        self.number, self.style, self.text = number, style, text


def column(number):
    return chr(ord("A") + number)


def cell(place, value, shared):
    style = ""
    if isinstance(value, Formula):
        return f'<c r="{place}"{value.kind}><f>A2&amp;"@aster.example"</f>{value.xlsx}</c>'
    if isinstance(value, Shown):
        value = (value.number, value.style)
    if isinstance(value, tuple):
        value, number = value
        style = f' s="{number}"'
    if isinstance(value, bool):
        return f'<c r="{place}"{style} t="b"><v>{int(value)}</v></c>'
    if isinstance(value, (int, float)):
        return f'<c r="{place}"{style}><v>{value!r}</v></c>'
    if value.startswith("#"):
        return f'<c r="{place}" t="e"><f>VLOOKUP(1,A1,2)</f><v>{value}</v></c>'
    if value.startswith("="):
        text = escape(value[1:])
        return f'<c r="{place}" t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>'
    if value not in shared:
        shared.append(value)
    return f'<c r="{place}" t="s"><v>{shared.index(value)}</v></c>'


def sheet(rows, shared, merged=()):
    text = ""
    for number, values in rows.items():
        cells = "".join(
            cell(f"{column(at)}{number}", value, shared)
            for at, value in enumerate(values)
            if value is not None
        )
        text += f'<row r="{number}">{cells}</row>'
    ranges = "".join(f'<mergeCell ref="{place}"/>' for place in merged)
    if ranges:
        ranges = f'<mergeCells count="{len(merged)}">{ranges}</mergeCells>'
    return f"{HEAD}<worksheet {MAIN}><sheetData>{text}</sheetData>{ranges}</worksheet>"


def xlsx(name, sheets, styles=STYLES):
    """`sheets`: name, state, rows by number (None for a chart), merged ranges."""
    shared, files, listed, related, types = [], [], "", "", ""
    for number, (title, state, rows, merged) in enumerate(sheets, 1):
        kind = "chartsheet" if rows is None else "worksheet"
        path = f"{kind}s/sheet{number}.xml"
        if rows is None:
            text = f'{HEAD}<chartsheet {MAIN}><sheetViews><sheetView workbookViewId="0"/></sheetViews></chartsheet>'
        else:
            text = sheet(rows, shared, merged)
        files.append((f"xl/{path}", text))
        hidden = f' state="{state}"' if state else ""
        listed += f'<sheet name="{escape(title)}" sheetId="{number}"{hidden} r:id="rId{number}"/>'
        related += f'<Relationship Id="rId{number}" Type="{REL}/{kind}" Target="{path}"/>'
        types += f'<Override PartName="/xl/{path}" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.{kind}+xml"/>'
    strings = "".join(f'<si><t xml:space="preserve">{escape(text)}</t></si>' for text in shared)
    related += f'<Relationship Id="rId90" Type="{REL}/styles" Target="styles.xml"/>'
    related += f'<Relationship Id="rId91" Type="{REL}/sharedStrings" Target="sharedStrings.xml"/>'
    archive(
        name,
        [
            (
                "[Content_Types].xml",
                f'{HEAD}<Types xmlns="{PACKAGE}/content-types"><Default Extension="xml" ContentType="application/xml"/>'
                '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
                '<Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>'
                f"{types}</Types>",
            ),
            (
                "_rels/.rels",
                f'{HEAD}<Relationships xmlns="{PACKAGE}/relationships"><Relationship Id="rId1" Type="{REL}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
            ),
            (
                "xl/workbook.xml",
                f'{HEAD}<workbook {MAIN} xmlns:r="{REL}"><sheets>{listed}</sheets></workbook>',
            ),
            (
                "xl/_rels/workbook.xml.rels",
                f'{HEAD}<Relationships xmlns="{PACKAGE}/relationships">{related}</Relationships>',
            ),
            ("xl/styles.xml", styles),
            ("xl/sharedStrings.xml", f"{HEAD}<sst {MAIN}>{strings}</sst>"),
            *files,
        ],
    )


# --- ODS


def ods_cell(value):
    if value is None:
        return "<table:table-cell/>"
    if isinstance(value, Formula):
        return f'<table:table-cell table:formula="of:=[.A2]&amp;&quot;@aster.example&quot;"{value.ods}</table:table-cell>'
    if isinstance(value, Shown):
        return f'<table:table-cell office:value-type="float" office:value="{value.number}"><text:p>{value.text}</text:p></table:table-cell>'
    if isinstance(value, tuple):
        value = value[0]
        if value == 45362:
            return '<table:table-cell office:value-type="date" office:date-value="2024-03-11"><text:p>11.03.24</text:p></table:table-cell>'
        if value == 45362.404166666667:
            return '<table:table-cell office:value-type="date" office:date-value="2024-03-11T09:42:00"><text:p>11.03.24 09:42</text:p></table:table-cell>'
        return f'<table:table-cell office:value-type="string"><text:p>{value:05}</text:p></table:table-cell>'
    if isinstance(value, bool):
        return f'<table:table-cell office:value-type="boolean" office:boolean-value="{str(value).lower()}"><text:p>WAHR</text:p></table:table-cell>'
    if isinstance(value, (int, float)):
        return f'<table:table-cell office:value-type="float" office:value="{value}"><text:p>{value:.3g}</text:p></table:table-cell>'
    if value.startswith("#"):
        return f'<table:table-cell table:formula="of:=NA()" office:value-type="string" office:string-value="" calcext:value-type="error"><text:p>{value}</text:p></table:table-cell>'
    paragraphs = "".join(f"<text:p>{escape(line)}</text:p>" for line in value.lstrip("=").split("\n"))
    return f'<table:table-cell office:value-type="string">{paragraphs}</table:table-cell>'


def ods(name, sheets):
    tables = ""
    for title, state, rows, _merged in sheets:
        if rows is None:
            continue
        lines, last = "", 0
        for number, values in rows.items():
            if number > last + 1:
                lines += f'<table:table-row table:number-rows-repeated="{number - last - 1}"><table:table-cell table:number-columns-repeated="1024"/></table:table-row>'
            lines += f"<table:table-row>{''.join(map(ods_cell, values))}<table:table-cell table:number-columns-repeated=\"1000\"/></table:table-row>"
            last = number
        lines += '<table:table-row table:number-rows-repeated="1048000"><table:table-cell table:number-columns-repeated="1024"/></table:table-row>'
        style = "hidden" if state else "shown"
        tables += f'<table:table table:name="{escape(title)}" table:style-name="{style}">{lines}</table:table>'
    spaces = " ".join(
        f'xmlns:{short}="urn:oasis:names:tc:opendocument:xmlns:{long}:1.0"'
        for short, long in [("office", "office"), ("table", "table"), ("text", "text"), ("style", "style")]
    )
    styles = "".join(
        f'<style:style style:name="{style}" style:family="table"><style:table-properties table:display="{shown}"/></style:style>'
        for style, shown in [("shown", "true"), ("hidden", "false")]
    )
    archive(
        name,
        [
            ("mimetype", "application/vnd.oasis.opendocument.spreadsheet"),
            (
                "META-INF/manifest.xml",
                f'{HEAD}<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">'
                '<manifest:file-entry manifest:full-path="/" manifest:media-type="application/vnd.oasis.opendocument.spreadsheet"/>'
                '<manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml"/></manifest:manifest>',
            ),
            (
                "content.xml",
                f'{HEAD}<office:document-content {spaces} xmlns:calcext="urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0">'
                f"<office:automatic-styles>{styles}</office:automatic-styles>"
                f"<office:body><office:spreadsheet>{tables}</office:spreadsheet></office:body></office:document-content>",
            ),
        ],
    )


# --- XLS: BIFF8 records ([MS-XLS]) in a compound file ([MS-CFB])


def compound(name, streams):
    sector, end, free = 512, 0xFFFFFFFE, 0xFFFFFFFF
    fat, body, entries = [0xFFFFFFFD, end], b"", []
    for number, (title, data) in enumerate(streams):
        # Smaller streams would stand in a small-sector stream.
        data = data.ljust(4096, b"\0")
        data = data.ljust(-(-len(data) // sector) * sector, b"\0")
        first, many = len(fat), len(data) // sector
        fat += [first + at + 1 for at in range(many - 1)] + [end]
        body += data
        right = number + 2 if number + 1 < len(streams) else free
        entries.append((title, 2, free, right, free, first, len(data)))
    directory = b""
    for title, kind, left, right, child, first, size in [("Root Entry", 5, free, free, 1, end, 0)] + entries:
        text = (title + "\0").encode("utf-16le")
        directory += text.ljust(64, b"\0") + struct.pack(
            "<HBBIII16sIQQIQ", len(text), kind, 1, left, right, child, b"", 0, 0, 0, first, size
        )
    assert len(fat) <= 128 and len(directory) <= sector
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16)
    header += struct.pack("<HHHHH6sIIIIIIIII", 0x3E, 3, 0xFFFE, 9, 6, b"", 0, 1, 1, 0, 4096, end, 0, end, 0)
    header += struct.pack("<I", 0) + b"\xff" * (4 * 108)
    table = struct.pack("<128I", *(fat + [free] * (128 - len(fat))))
    with open(name, "wb") as made:
        made.write(header + table + directory.ljust(sector, b"\0") + body)


def record(kind, data):
    return struct.pack("<HH", kind, len(data)) + data


def unicode_text(text, length):
    return struct.pack(length, len(text)) + b"\x01" + text.encode("utf-16le")


def xls(name, sheets, formats=()):
    strings, bodies = [], []
    errors = {"#N/A": 0x2A}
    for _title, _state, rows, _merged in sheets:
        data = record(0x0809, struct.pack("<HHHHII", 0x0600, 0x0010, 0, 0, 0, 0))
        wide = max(len(values) for values in rows.values())
        data += record(0x0200, struct.pack("<IIHHH", 0, max(rows), 0, wide, 0))
        for number, values in rows.items():
            for at, value in enumerate(values):
                style = 0
                if isinstance(value, Shown):
                    value = (value.number, value.style)
                if isinstance(value, tuple):
                    value, style = value
                place = struct.pack("<HHH", number - 1, at, style)
                if value is None:
                    continue
                if isinstance(value, bool):
                    data += record(0x0205, place + struct.pack("<BB", value, 0))
                elif isinstance(value, (int, float)):
                    data += record(0x0203, place + struct.pack("<d", value))
                elif value in errors:
                    data += record(0x0205, place + struct.pack("<BB", errors[value], 1))
                else:
                    value = value.lstrip("=")
                    if value not in strings:
                        strings.append(value)
                    data += record(0x00FD, place + struct.pack("<I", strings.index(value)))
        bodies.append(data + record(0x000A, b""))
    styles = b"".join(
        record(0x041E, struct.pack("<H", 164 + number) + unicode_text(text, "<H"))
        for number, text in enumerate(formats)
    )
    numbers = [0, *range(164, 164 + len(formats))] if formats else [0, 14, 22, 0]
    styles += b"".join(record(0x00E0, struct.pack("<HH16s", 0, number, b"")) for number in numbers)
    table = struct.pack("<II", len(strings), len(strings))
    table += b"".join(unicode_text(text, "<H") for text in strings)
    names = [unicode_text(title, "<B") for title, *_ in sheets]

    def globals_of(places):
        data = record(0x0809, struct.pack("<HHHHII", 0x0600, 0x0005, 0, 0, 0, 0))
        data += record(0x0042, struct.pack("<H", 1200)) + styles
        for (_title, state, _rows, _merged), name, place in zip(sheets, names, places):
            data += record(0x0085, struct.pack("<IBB", place, 1 if state else 0, 0) + name)
        return data + record(0x00FC, table) + record(0x000A, b"")

    places, at = [], len(globals_of([0] * len(sheets)))
    for body in bodies:
        places.append(at)
        at += len(body)
    compound(name, [("Workbook", globals_of(places) + b"".join(bodies))])


# --- The workbooks

HEADER = ["clientId", "companyName", "currency", "email", "postalCode", "since", "note"]
CUSTOMERS = {
    1: HEADER,
    2: [1234567890123, "Müller & Söhne GmbH", "EUR", "ap@mueller.example", (2134, 3), (45362, 1), "two\nlines, \"quoted\""],
    3: [42, "Aster Ltd", "GBP", None, None, (45362.404166666667, 2), True],
    # Row 4 is empty.
    5: [1234567890123456, "Lost Digits Inc", "USD"],
    6: ["c-6", "#N/A", "USD"],
    7: ["=00123", "Beryl SARL", "usd", "info@beryl.example"],
    8: ["c-8", "Cobalt AG", "DKK"],
}
NOTES = {1: ["Exported for the finance team"], 3: ["Ask Dana before changing anything"]}
OLD = {1: HEADER[:3], 2: ["old-1", "Old Customer", "USD"]}
SHEETS = [
    ("Notes", "", NOTES, ()),
    ("Customers", "", CUSTOMERS, ()),
    ("Old", "hidden", OLD, ()),
]

xlsx("customers.xlsx", [*SHEETS, ("Chart", "", None, ())])
ods("customers.ods", SHEETS)
xls("customers.xls", SHEETS)
xlsx(
    "titled.xlsx",
    [
        (
            "Report",
            "",
            {
                1: ["Customers, all regions"],
                2: ["As of", (45362, 1)],
                4: HEADER[:3],
                5: ["c-1", "Aster\nLtd", "GBP"],
                6: ["c-2", "Beryl SARL", "EURO"],
                7: ["c-3", "Cobalt AG", "EUR"],
            },
            ["A1:C1"],
        )
    ],
)
NONE = Formula("", ">")
BLANK = Formula("<v></v>", "><text:p/>")
EMPTY = Formula("<v></v>", ' office:value-type="string" office:string-value=""><text:p/>', ' t="str"')
FORMULAS = {
    1: ["clientId", "companyName", "currency", "email", "city", "state"],
    2: ["f-2", "Aster Ltd", "GBP", NONE],
    3: ["f-3", "Beryl SARL", "EUR", None, BLANK],
    4: ["f-4", "Cobalt AG", NONE],
    5: [NONE, "Dune BV", "EUR"],
    6: ["f-6", "Ember Oy", "EUR", EMPTY, EMPTY],
    7: ["f-7", "Fjord AS", "NZD", None, None, NONE],
    8: [NONE, NONE, NONE],
}
NUMBERS = {
    1: ["clientId", "companyName", "currency", "postalCode", "phone"],
    2: [Shown(42, 1, "CUST-0042"), "Aster Ltd", "GBP", Shown(2134, 2, "02134"), Shown(5551234, 3, "555-1234")],
    3: [Shown(7, 2, "00007"), "Beryl SARL", "EUR", Shown(12345, 4, "12,345"), Shown(2125551234, 3, "(212) 555-1234")],
}
xlsx("formulas.xlsx", [("Customers", "", FORMULAS, ())])
ods("formulas.ods", [("Customers", "", FORMULAS, ())])
xlsx("numbers.xlsx", [("Customers", "", NUMBERS, ())], styles_of(SHOWN))
ods("numbers.ods", [("Customers", "", NUMBERS, ())])
xls("numbers.xls", [("Customers", "", NUMBERS, ())], SHOWN)
xlsx("hidden.xlsx", [("Start", "", {}, ()), ("Old", "veryHidden", OLD, ())])
xlsx("empty.xlsx", [("Sheet1", "", {}, ())])
compound("locked.xlsx", [("EncryptedPackage", b"\x07" * 5000), ("EncryptionInfo", b"\x04\0\x04\0")])
