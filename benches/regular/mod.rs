//! Rows as a program writes them: a value in all 16 columns, 213 bytes of CSV, 460 of JSON;
//! of 400 one repeats an id, and three are wrong on their own.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use crate::planted::encode::Format;

const HEADER: &str = "clientId,companyName,currency,stripeCustomerId,planIds,bundleIds,firstName,lastName,email,\
                      phone,addressLine1,addressLine2,city,state,postalCode,country";

/// Writes this many rows.
pub(crate) fn write(file: &Path, format: Format, rows: u64) -> std::io::Result<()> {
    let mut out = BufWriter::with_capacity(1 << 20, File::create(file)?);
    if matches!(format, Format::Csv) {
        writeln!(out, "{HEADER}")?;
    }
    for row in 0..rows {
        match format {
            Format::Csv => table_row(&mut out, row)?,
            Format::Jsonl => json_row(&mut out, row)?,
        }
    }
    out.flush()
}

/// The three required values; of 400 rows four are bad.
fn required(row: u64) -> [String; 3] {
    let of_400 = row % 400;
    let id = if of_400 == 399 { row - 399 } else { row };
    let company = if of_400 == 99 {
        String::new()
    } else {
        format!("Company {row} Holdings Ltd")
    };
    let currency = match of_400 {
        199 => "Euro",
        299 => "CHF",
        _ if row.is_multiple_of(2) => "USD",
        _ => "EUR",
    };
    [format!("acct_{id:09}"), company, currency.to_owned()]
}

/// The characters of ids: digits that look random.
fn digits(row: u64) -> u64 {
    row.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn table_row(out: &mut impl Write, row: u64) -> std::io::Result<()> {
    let [id, company, currency] = required(row);
    let (stripe, plan, floor) = (digits(row), digits(row + 1), row % 30);
    write!(
        out,
        "{id},{company},{currency},cus_{stripe:016x},pln_{plan:032x},,"
    )?;
    write!(
        out,
        "Anna,Müller,ap{row}@company.example,+1 512 555 {:04},",
        row % 10_000
    )?;
    write!(out, "{} Königsallee,\"Suite 5, Floor {floor}\",", row % 200)?;
    writeln!(out, "Austin,TX,{:05},US", row % 99_999)
}

fn json_row(out: &mut impl Write, row: u64) -> std::io::Result<()> {
    let [id, company, currency] = required(row);
    let (stripe, plan) = (digits(row), digits(row + 1));
    let body = serde_json::json!({
        "clientId": id,
        "companyName": company,
        "currency": currency,
        "stripeCustomerId": format!("cus_{stripe:016x}"),
        "planIds": [format!("pln_{plan:032x}")],
        "bundleIds": [],
        "billingContact": {
            "firstName": "Anna",
            "lastName": "Müller",
            "email": format!("ap{row}@company.example"),
            "phone": format!("+1 512 555 {:04}", row % 10_000),
            "addressLine1": format!("{} Königsallee", row % 200),
            "addressLine2": format!("Suite 5, Floor {}", row % 30),
            "city": "Austin",
            "state": "TX",
            "postalCode": format!("{:05}", row % 99_999),
            "country": "US",
        },
    });
    writeln!(out, "{body}")
}
