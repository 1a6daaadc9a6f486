//! Recognises exports that hold no customers: payments, invoices, subscriptions,
//! products. People take the wrong one of several buttons.
//!
//! It is asked only about files whose columns don't name the required fields, so a wrong
//! guess costs no more than a wrong hint.

/// An export of something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ForeignExport {
    /// What it is, as in "this looks like …".
    pub what: &'static str,
    /// What to export instead, as in "export … instead".
    pub instead: &'static str,
}

/// The columns by which an export is recognised, in lower case.
struct ExportHeader {
    export: ForeignExport,
    /// All of these are there.
    all: &'static [&'static str],
    /// None of these is.
    none: &'static [&'static str],
}

const fn header(
    what: &'static str,
    instead: &'static str,
    all: &'static [&'static str],
) -> ExportHeader {
    ExportHeader {
        export: ForeignExport { what, instead },
        all,
        none: &[],
    }
}

const STRIPE: &str = "Customers (Dashboard, Customers, Export)";
const CHARGEBEE: &str = "Customers";
const RECURLY: &str = "Accounts";
const QUICKBOOKS: &str = "the report Customer Contact List";
const XERO: &str = "Contacts";
const SHOPIFY: &str = "Customers";
const SQUARE: &str = "the Customer Directory";
const LAGO: &str = "the customers (GET /customers)";

/// What is recognised, the more particular first.
const HEADERS: [ExportHeader; 36] = [
    header(
        "Stripe's subscriptions export",
        STRIPE,
        &["id", "customer id", "plan", "interval"],
    ),
    header(
        "Stripe's subscriptions export",
        STRIPE,
        &["id", "current period start (utc)"],
    ),
    header(
        "Stripe's payments export",
        STRIPE,
        &["id", "amount", "amount refunded", "customer id"],
    ),
    header(
        "Stripe's payments export",
        STRIPE,
        &["id", "amount", "created (utc)", "customer id"],
    ),
    header(
        "Stripe's invoices export",
        STRIPE,
        &["id", "amount due", "customer"],
    ),
    header(
        "Stripe's invoices export",
        STRIPE,
        &["id", "amount due", "customer id"],
    ),
    header(
        "Stripe's balance history",
        STRIPE,
        &["id", "type", "amount", "fee", "net"],
    ),
    header(
        "a balance report of Stripe's",
        STRIPE,
        &["balance_transaction_id"],
    ),
    header(
        "Stripe's payouts export",
        STRIPE,
        &["id", "amount", "arrival date (utc)"],
    ),
    header(
        "Stripe's prices export",
        STRIPE,
        &["price id", "product id"],
    ),
    header(
        "Stripe's products export",
        STRIPE,
        &["id", "name", "tax code"],
    ),
    header(
        "invoices of Stripe's API",
        STRIPE,
        &["object", "customer", "amount_due"],
    ),
    header(
        "subscriptions of Stripe's API",
        STRIPE,
        &["object", "customer", "collection_method"],
    ),
    header(
        "payments of Stripe's API",
        STRIPE,
        &["object", "customer", "amount"],
    ),
    header("Chargebee's invoices export", CHARGEBEE, &["invoice[id]"]),
    header(
        "Chargebee's invoices export",
        CHARGEBEE,
        &["invoice number", "customer id"],
    ),
    ExportHeader {
        none: &["customer[company]"],
        ..header(
            "Chargebee's subscriptions export",
            CHARGEBEE,
            &["subscription[id]"],
        )
    },
    header(
        "Recurly's invoices export",
        RECURLY,
        &["account_code", "invoice_number"],
    ),
    header(
        "Recurly's invoices export",
        RECURLY,
        &["invoice_account_code"],
    ),
    header(
        "Recurly's transactions export",
        RECURLY,
        &["account_code", "transaction_id"],
    ),
    header(
        "Recurly's subscriptions export",
        RECURLY,
        &["account_code", "plan_code"],
    ),
    ExportHeader {
        none: &["account_company_name", "account_email"],
        ..header(
            "Recurly's billing info export",
            RECURLY,
            &["account_code", "first_name", "last_name"],
        )
    },
    header(
        "a transaction list of QuickBooks",
        QUICKBOOKS,
        &["date", "transaction type"],
    ),
    header(
        "an invoice list of QuickBooks",
        QUICKBOOKS,
        &["invoice no", "customer"],
    ),
    header(
        "Xero's invoices export",
        XERO,
        &["*contactname", "*invoicenumber"],
    ),
    header(
        "Xero's invoices export",
        XERO,
        &["contactname", "invoicenumber"],
    ),
    header(
        "Shopify's orders export",
        SHOPIFY,
        &["name", "email", "financial status"],
    ),
    header(
        "Shopify's products export",
        SHOPIFY,
        &["handle", "title", "variant sku"],
    ),
    header(
        "Square's transactions export",
        SQUARE,
        &["transaction id", "gross sales"],
    ),
    header("Square's items export", SQUARE, &["token", "item name"]),
    header("Lago's invoices", LAGO, &["lago_id", "fees_amount_cents"]),
    header(
        "Lago's subscriptions",
        LAGO,
        &["lago_id", "external_customer_id", "plan_code"],
    ),
    header(
        "PayPal's activity report",
        "a list of customers",
        &["gross", "fee", "net", "transaction id"],
    ),
    header(
        "Braintree's transactions export",
        "the vault's customers",
        &["transaction id", "settlement date"],
    ),
    header(
        "HubSpot's deals export",
        "Companies",
        &["deal name", "deal stage"],
    ),
    header(
        "Salesforce opportunities",
        "Accounts",
        &["opportunity name", "stage"],
    ),
];

/// Any other list of amounts with customers' ids.
const OF_AMOUNTS: ForeignExport = ForeignExport {
    what: "a list of payments or invoices",
    instead: "the customers",
};

/// The export that a file with these columns is, if it holds no customers.
pub fn recognise(names: &[String]) -> Option<ForeignExport> {
    let names: Vec<String> = names
        .iter()
        .map(|name| {
            name.trim_matches([' ', '\u{feff}', '\u{a0}'])
                .to_lowercase()
        })
        .collect();
    let has = |wanted: &&str| names.iter().any(|name| name == *wanted);
    let fits = |header: &&ExportHeader| header.all.iter().all(has) && !header.none.iter().any(has);
    if let Some(header) = HEADERS.iter().find(fits) {
        return Some(header.export);
    }
    let any = |is_it: fn(&str) -> bool| names.iter().any(|name| is_it(name));
    (any(is_amount) && any(is_customer_id) && !any(is_company)).then_some(OF_AMOUNTS)
}

fn is_amount(name: &str) -> bool {
    let money = [
        "amount",
        "amount due",
        "amount paid",
        "amount_due",
        "amount_paid",
        "total amount",
        "total_amount",
        "gross",
        "gross amount",
        "net amount",
        "invoice amount",
        "invoice total",
        "amount_in_cents",
        "total_in_cents",
        "amount_cents",
        "betrag",
        "montant",
        "importe",
    ];
    money.contains(&name)
}

fn is_customer_id(name: &str) -> bool {
    let ids = [
        "customer",
        "customer id",
        "customer_id",
        "customerid",
        "account_code",
        "account id",
        "account_id",
        "customer email",
        "customer_email",
        "customer[id]",
        "client id",
        "external_customer_id",
        "kundennummer",
        "kunden-nr.",
    ];
    ids.contains(&name)
}

fn is_company(name: &str) -> bool {
    let words = [
        "company",
        "organisation",
        "organization",
        "firma",
        "business name",
        "legal name",
    ];
    let names = [
        "name",
        "customer name",
        "customer_name",
        "account name",
        "account_name",
        "legal_name",
    ];
    names.contains(&name) || words.iter().any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use super::recognise;

    fn what(header: &str) -> Option<&'static str> {
        let names: Vec<String> = header.split(',').map(str::to_owned).collect();
        recognise(&names).map(|export| export.what)
    }

    #[test]
    fn exports_of_other_things_are_named() {
        for (header, named) in [
            (
                "id,Description,Seller Message,Created (UTC),Amount,Amount Refunded,Currency,\
                 Converted Amount,Fee,Status,Customer ID,Customer Description,Customer Email",
                "Stripe's payments export",
            ),
            (
                "id,Customer ID,Customer Email,Plan,Product,Quantity,Currency,Interval,Amount,Status",
                "Stripe's subscriptions export",
            ),
            (
                "id,Amount Due,Billing,Closed,Currency,Customer",
                "Stripe's invoices export",
            ),
            (
                "id,Type,Source,Amount,Fee,Net,Currency",
                "Stripe's balance history",
            ),
            (
                "Invoice Number,Customer Id,Subscription Id,Amount",
                "Chargebee's invoices export",
            ),
            (
                "account_code,first_name,last_name,company,address1",
                "Recurly's billing info export",
            ),
            (
                "Date,Transaction Type,Num,Name,Memo,Amount",
                "a transaction list of QuickBooks",
            ),
            (
                "*ContactName,EmailAddress,*InvoiceNumber,*InvoiceDate",
                "Xero's invoices export",
            ),
            (
                "Name,Email,Financial Status,Paid at,Total",
                "Shopify's orders export",
            ),
            (
                "Date,Time,Gross Sales,Net Sales,Transaction ID,Payment ID",
                "Square's transactions export",
            ),
            (
                "Date,Time,Name,Type,Status,Currency,Gross,Fee,Net,Transaction ID",
                "PayPal's activity report",
            ),
            (
                "reference,customer_id,amount,currency,paid_at",
                "a list of payments or invoices",
            ),
        ] {
            assert_eq!(what(header), Some(named), "{header}");
        }
    }

    #[test]
    fn exports_of_customers_are_not() {
        for header in [
            "id,Description,Email,Name,Created (UTC),Delinquent,Plan,Status,Account Balance,Currency,Total Spend",
            "account_code,account_email,account_company_name,account_first_name",
            "id,first_name,last_name,organization,email,created_at,reference",
            "Customer,Phone Numbers,Email,Full Name,Billing Address,Open Balance,Currency",
            "*ContactName,AccountNumber,EmailAddress,FirstName,LastName",
            "Customer ID,First Name,Last Name,Email,Default Address Company,Total Spent",
            "Record ID,Company name,Phone Number,kable_currency",
            "customer[id],customer[company],customer[preferred_currency_code]",
            "clientId,companyName,currency,amount",
            "c-1,Aster,USD",
            "lago_id,external_id,name,currency",
            "customer_id,name,amount",
        ] {
            assert_eq!(what(header), None, "{header}");
        }
    }
}
