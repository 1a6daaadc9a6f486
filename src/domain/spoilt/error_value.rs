//! What spreadsheets show where a formula failed, in all their languages.

/// Those that are not `#`, capitals and `!` or `?`.
const OTHERS: [&str; 22] = [
    // Not available: English, German, French and others, Dutch, Danish, Russian,
    // Turkish, Swedish, Hungarian, Czech.
    "#N/A",
    "#NV",
    "#N/D",
    "#N/B",
    "#I/T",
    "#Н/Д",
    "#ND",
    "#YOK",
    "#SAKNAS",
    "#HIÁNYZIK",
    "#NENÍ_K_DISPOZICI",
    // Excel while data are loaded, in English, German, French, Spanish.
    "#GETTING_DATA",
    "#DATEN_ABRUFEN",
    "#OBTENTION_DONNEES",
    "#OBTENIENDO_DATOS",
    // LibreOffice, and Excel in some languages.
    "#FMT",
    "#ERR",
    "#ERROR",
    "#REF",
    "#VALUE",
    "#NAME",
    "#DIV/0",
];

/// Google Sheets while a cell is computed, in the languages of its interface.
pub(super) const LOADING: [&str; 22] = [
    "Loading...",
    "Loading…",
    "Wird geladen...",
    "Wird geladen…",
    "Chargement...",
    "Chargement…",
    "Chargement en cours...",
    "Chargement en cours…",
    "Cargando...",
    "Cargando…",
    "Caricamento...",
    "Caricamento…",
    "Caricamento in corso...",
    "Caricamento in corso…",
    "Carregando...",
    "Carregando…",
    "Laden...",
    "Laden…",
    "Ładowanie...",
    "Ładowanie…",
    "Загрузка...",
    "Загрузка…",
];

/// Whether `value` is what a spreadsheet shows for a formula that failed: `#REF!`,
/// `??????? ???`: a program could encode none of the letters.
pub(super) fn is_questions(value: &str) -> bool {
    let others = |letter: char| letter != '?' && !" .,-&/()'\"".contains(letter);
    value.starts_with("??") && value.matches('?').count() > 2 && !value.contains(others)
}

/// `=T("00123")`, `=A2&" GmbH"`: not its value.
pub(super) fn is_formula(value: &str) -> bool {
    let Some(text) = value.strip_prefix('=') else {
        return false;
    };
    let name = text.trim_start_matches(|letter: char| letter.is_alphabetic() || letter == '.');
    let is_call = name.len() < text.len() && name.starts_with('(') && name.ends_with(')');
    let is_joined = text.starts_with(|letter: char| letter.is_ascii_uppercase() || letter == '"')
        && text.contains('&')
        && text.contains('"');
    is_call || is_joined
}

/// `#ÜBERLAUF!`, `#¿NOMBRE?`, `Err:502`.
pub(super) fn is_error_value(value: &str) -> bool {
    if let Some(number) = value.strip_prefix("Err:") {
        return number.len() == 3 && number.bytes().all(|byte| byte.is_ascii_digit());
    }
    if LOADING.contains(&value) {
        return true;
    }
    let Some(word) = value.strip_prefix(['#', '＃']) else {
        return false;
    };
    OTHERS.contains(&value) || is_shouted(word)
}

/// Whether `word` is a word in capitals that ends in `!` or `?`.
fn is_shouted(word: &str) -> bool {
    let Some(word) = word.strip_suffix(['!', '?', '！', '？']) else {
        return false;
    };
    let word = word.trim_start_matches(['¡', '¿']);
    // Scripts without case have no capitals.
    let is_capital = |letter: char| letter.is_alphabetic() && !letter.is_lowercase();
    let fits = |letter: char| is_capital(letter) || "/0_. -".contains(letter);
    (2..=24).contains(&word.chars().count())
        && word.chars().all(fits)
        && word.chars().filter(|letter| is_capital(*letter)).count() >= 2
}

/// Whether `value` is what a spreadsheet shows for a number in a column that is too
/// narrow.
pub(super) fn is_narrow_column(value: &str) -> bool {
    value.len() >= 3 && value.bytes().all(|byte| byte == b'#')
}

#[cfg(test)]
mod tests {
    use super::{is_error_value, is_narrow_column};

    #[test]
    fn error_values_of_all_languages_are_found() {
        let words = "#N/A #REF! #VALUE! #NAME? #DIV/0! #NULL! #NUM! #SPILL! #CALC! #FIELD! \
            #BLOCKED! #BUSY! #CONNECT! #UNKNOWN! #EXTERNAL! #PYTHON! #GETTING_DATA #ERROR! Err:502 \
            #NV #WERT! #BEZUG! #ZAHL! #ÜBERLAUF! #KALK! #N/D #VALEUR! #NOM? #NOMBRE! #NUL! \
            #¡VALOR! #¡REF! #¿NOMBRE? #¡NUM! #¡DIV/0! #VALORE! #RIF! #NOME? #VALOR! #NÚM! \
            #N/B #WAARDE! #VERW! #NAAM? #GETAL! #DEEL/0! #LEEG! #OVERLOOP! #N/D! #ARG! #ADR! \
            #NAZWA? #LICZBA! #ZERO! #SAKNAS! #VÄRDEFEL! #REFERENS! #NAMN? #OGILTIGT! #DIVISION/0! \
            #I/T #VÆRDI! #REFERENCE! #NAVN? #PUUTTUU! #ARVO! #VIITTAUS! #NIMI? #LUKU! #JAKO/0! \
            #Н/Д #ЗНАЧ! #ССЫЛКА! #ИМЯ? #ЧИСЛО! #ДЕЛ/0! #ПУСТО! #YOK #DEĞER! #BAŞV! #AD? #SAYI! \
            #SAYI/0! #BOŞ! #NENÍ_K_DISPOZICI #HODNOTA! #ODKAZ! #NÁZEV? #HIÁNYZIK #ÉRTÉK! #HIV! \
            #NÉV? #SZÁM! #ZÉRÓOSZTÓ! #VERDI! #NUMÉRIQUE! #PROPAGATION! #CALCUL! #TIMEOUT!";
        for word in words.split_whitespace() {
            assert!(is_error_value(word), "{word}");
        }
    }

    #[test]
    fn numbers_and_names_with_a_number_sign_are_none() {
        for value in [
            "#42",
            "#1 Pizza",
            "# 12",
            "#",
            "##",
            "#!",
            "#A!",
            "#1!",
            "#Aster!",
            "#hash",
            "#metoo!",
            "# 12 B!",
            "#4B",
            "#C",
            "Err",
            "Error 502",
            "Err:5",
            "#N",
            "C# Ltd",
            "#GOAT",
        ] {
            assert!(!is_error_value(value), "{value}");
            assert!(!is_narrow_column(value), "{value}");
        }
        assert!(is_narrow_column("###") && is_narrow_column("########"));
    }
}
