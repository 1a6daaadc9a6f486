//! Which kind of workbook a file is, by its content.

use std::fs::File;
use std::io;

use super::archive::Archive;

/// What a file is that begins like a workbook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::source) enum WorkbookKind {
    /// Office Open XML.
    Xlsx,
    /// Its binary form, which is not read.
    Xlsb,
    /// `OpenDocument`.
    Ods,
    /// Excel 97 to 2003; or an encrypted workbook of a newer form.
    Xls,
}

impl WorkbookKind {
    /// The kind of workbook that `file` is, which begins with `start`; `None` if it
    /// is none.
    pub(in crate::source) fn of(file: &mut File, start: &[u8]) -> io::Result<Option<Self>> {
        if start.starts_with(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1") {
            return Ok(Some(Self::Xls));
        }
        if !start.starts_with(b"PK\x03\x04") {
            return Ok(None);
        }
        let Some(archive) = Archive::open(file)? else {
            return Ok(None);
        };
        let kinds = [
            ("xl/workbook.xml", Self::Xlsx),
            ("xl/workbook.bin", Self::Xlsb),
            ("content.xml", Self::Ods),
        ];
        let found = kinds.into_iter().find(|(name, _)| archive.has(name));
        Ok(found.map(|(_, kind)| kind))
    }

    /// Its name.
    pub(in crate::source) const fn name(self) -> &'static str {
        match self {
            Self::Xlsx => "XLSX",
            Self::Xlsb => "XLSB",
            Self::Ods => "ODS",
            Self::Xls => "XLS",
        }
    }
}
