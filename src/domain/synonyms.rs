//! What other systems call the columns that feed a field: the one table of it, for
//! [headers](super::header), whose mistakes cost a user something, and for
//! [guesses](super::guesses), which a person decides on.
//!
//! A header is found, and a total is told from a customer, by few and sure names only:
//! with `number`, `code` or `client` among them, a row of values would be taken for a
//! header, and a customer for a total.

use super::field::Field;

/// A name that other systems use for a field, normalised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ColumnSynonym {
    /// The name, in lower case, without blanks and signs.
    pub(super) name: &'static str,
    /// How sure it is.
    pub(super) sureness: Sureness,
}

/// How sure it is that a column of a name is of customers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sureness {
    /// The name is for guesses only.
    Guessed,
    /// A header is likely to have it.
    Known,
    /// A header is likely to have it, and a row that is no customer has no value there.
    Required,
}

/// What other systems call the column of `field`, the surest first.
pub(super) fn synonyms(field: Field) -> impl Iterator<Item = ColumnSynonym> {
    listed(field).split_whitespace().map(|text| {
        let marks = [('!', Sureness::Required), ('?', Sureness::Known)];
        let marked = marks.into_iter().find_map(|(mark, sureness)| {
            let name = text.strip_suffix(mark)?;
            Some(ColumnSynonym { name, sureness })
        });
        marked.unwrap_or(ColumnSynonym {
            name: text,
            sureness: Sureness::Guessed,
        })
    })
}

/// The names for `field`: with `!` those that are required, with `?` those that are known.
fn listed(field: Field) -> &'static str {
    match field {
        Field::ClientId => {
            "clientid externalid! externalcustomerid customerid! accountcode! \
             accountnumber? customernumber customercode customerno accountno accountid! \
             reference! referenceid recordid kundennummer kundennr kundenid kundencode debitor debitorennummer codeclient idclient id! uid number code"
        }
        Field::CompanyName => {
            "companyname legalname businessname company! organization! organisation! \
             organizationname customername! accountname? clientname customer! client firma firmenname unternehmen raisonsociale razonsocial \
             kunde name!"
        }
        Field::Currency => {
            "currency currencycode! preferredcurrencycode! currencyisocode ccy! cur! \
             währung waehrung devise divisa valuta moneda"
        }
        Field::StripeCustomerId => "stripecustomerid stripeid stripecustomer",
        Field::PlanIds => "planids planid",
        Field::BundleIds => "bundleids bundleid",
        Field::FirstName => "firstname givenname forename vorname prenom prénom nombre first",
        Field::LastName => {
            "lastname surname familyname nachname familienname apellido apellidos last"
        }
        Field::Email => "email emailaddress? mail workemail emailid correo courriel",
        Field::Phone => {
            "phone phonenumber? telephone tel telefon workphone mobile mobilephone \
             mobilenumber"
        }
        Field::AddressLine1 => {
            "addressline1 address1 line1 streetaddress1 streetaddress street1 street \
             address? strasse straße adresse"
        }
        Field::AddressLine2 => "addressline2 address2 line2 streetaddress2 street2",
        Field::City => "city town ort stadt ville",
        Field::State => "statecode state stateprovince stateregion provincecode province region",
        Field::PostalCode => "postalcode zipcode? zip? zippostalcode postcode plz",
        Field::Country => "countrycode country countryregion land pays",
    }
}

#[cfg(test)]
mod tests {
    use super::{Sureness, synonyms};
    use crate::domain::field::Field;

    #[test]
    fn no_name_stands_for_two_fields_and_only_required_fields_have_required_names() {
        let mut names: Vec<&str> = Vec::new();
        for field in Field::ALL {
            for synonym in synonyms(field) {
                assert!(!names.contains(&synonym.name), "{}", synonym.name);
                names.push(synonym.name);
                if synonym.sureness == Sureness::Required {
                    assert!(Field::REQUIRED.contains(&field), "{}", synonym.name);
                }
            }
        }
    }
}
