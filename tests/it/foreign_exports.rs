//! An export of payments, invoices or the like, fed by mistake, is named and refused.

use crate::common::{Run, sample};

const PAYMENTS: &str = "id,Description,Created (UTC),Amount,Amount Refunded,Currency,Customer ID,\
    Customer Description,Customer Email\n\
    ch_1,Subscription,2024-04-11 09:42,599.00,0.00,usd,cus_1,Aster,ap@aster.example\n";

#[test]
fn a_payments_export_is_named_and_refused_before_anything_is_sent() {
    let payments = std::fs::read(sample("exports/stripe_payments.csv")).unwrap();
    for content in [PAYMENTS.as_bytes(), payments.as_slice()] {
        let run = Run::new().server(&[]).input("in.csv", content);
        for ended in [run.go("validate in.csv"), run.import("in.csv")] {
            ended
                .refuses(1, &["in.csv looks like Stripe's payments export"])
                .hints("export Customers");
        }
        assert!(run.held().is_empty());
        assert!(!run.exists("in.csv.results"), "a folder was made");
    }
}

#[test]
fn other_exports_are_named_too() {
    for (header, named) in [
        (
            "*ContactName,EmailAddress,*InvoiceNumber,*InvoiceDate",
            "Xero's invoices",
        ),
        (
            "Name,Email,Financial Status,Paid at,Total",
            "Shopify's orders",
        ),
        (
            "ref,customer_id,amount,currency",
            "a list of payments or invoices",
        ),
    ] {
        let run = Run::new().input("in.csv", format!("{header}\n1,2,3,4\n"));
        run.go("validate in.csv").refuses(1, &[named]);
    }
}

#[test]
fn columns_that_are_mapped_are_read_with_a_warning() {
    let run = Run::new().input("in.csv", PAYMENTS);
    let mut words = vec!["validate", "in.csv", "--map", "currency=Currency"];
    words.extend([
        "--map",
        "clientId=Customer ID",
        "--map",
        "companyName=Customer Description",
    ]);
    run.go_words(&words)
        .code(0)
        .says("looks like Stripe's payments export; it is read as customers");
}

#[test]
fn a_file_with_the_fields_own_names_is_read() {
    let content = "clientId,companyName,currency,id,Amount,Amount Refunded,Customer ID\n\
        c-1,Aster,USD,ch_1,1,0,cus_1\n";
    Run::new()
        .input("in.csv", content)
        .go("validate in.csv")
        .code(0)
        .keeps_to_itself("looks like");
}
