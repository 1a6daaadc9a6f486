//! Tests the client and the sandbox against the API's reference, each independently.
//!
//! Each file in `data/contract/` is one call as the vendor's document 1.0.0 has it (see
//! `docs/api.md`): the request, the status, the response with every member that the document
//! names, which of them are `optional`, and the `values` of those that are an enumeration. A
//! member of a member is written `plans[].name`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::thread::JoinHandle;
use std::time::Duration;

use kable_bulk::domain::candidate::Candidate;
use kable_bulk::domain::customer::{BillingContact, Customer};
use kable_bulk::domain::field::Field;
use kable_bulk::domain::remote::RemoteCustomer;
use kable_bulk::domain::remote_change::RemoteChange;
use kable_bulk::domain::row::Origin;
use kable_bulk::domain::rules::Rules;
use kable_bulk::domain::update::CustomerUpdate;
use kable_bulk::domain::validate::validate;
use kable_bulk::kable::client::Client;
use kable_bulk::kable::customer_pages::PageEnd;
use kable_bulk::kable::{CustomerAddress, CustomerApi, LookUpReply, Preflight, Reply};
use kable_bulk::sandbox::settings::{CLIENT_ID, CLIENT_SECRET};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::common::Run;

/// 2022-03-01T00:00:00Z, the time of everything in the reference responses.
const RECORDED_MS: i64 = 1_646_092_800_000;

/// Where the sandbox's responses are not what the reference says.
///
/// Its plans have a price that is a number and a type and interval of its own, and its
/// entitlements are names where the reference has objects. The importer reads neither.
const SANDBOX_DIFFERS: [&str; 5] = [
    "entitlements[]",
    "plans[].entitlements[]",
    "plans[].price",
    "plans[].type",
    "plans[].interval",
];

/// One call of the reference.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReferenceCall {
    method: String,
    path: String,
    /// Headers with the credentials, beside the two that every call bears.
    headers: Vec<String>,
    body: Option<Value>,
    status: u16,
    response: Option<Value>,
    optional: BTreeSet<String>,
    values: BTreeMap<String, Vec<String>>,
}

impl ReferenceCall {
    fn load(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/contract");
        let text = std::fs::read_to_string(folder.join(format!("{name}.json"))).unwrap();
        serde_json::from_str(&text).unwrap()
    }

    /// The response's members, with `null` for a call that has none.
    fn response(&self) -> &Value {
        self.response.as_ref().unwrap_or(&Value::Null)
    }

    /// The headers that carry the credentials.
    fn credentials(&self, secret: &str) -> Vec<(String, String)> {
        let every_call = ["Kable-Client-Id", "Kable-Client-Secret"].map(str::to_owned);
        let names = every_call.iter().chain(&self.headers);
        let value = |name: &String| {
            let is_id = name.ends_with("Client-Id");
            let value = if is_id { CLIENT_ID } else { secret };
            (name.clone(), value.to_owned())
        };
        names.map(value).collect()
    }

    /// How `response` deviates from the reference one: members that are missing or not in the
    /// reference, values of another type or outside their enumeration.
    fn deviations(&self, response: &Value) -> Vec<String> {
        let mut found = Vec::new();
        self.compare("", self.response(), response, &mut found);
        found
    }

    fn compare(&self, at: &str, recorded: &Value, shown: &Value, found: &mut Vec<String>) {
        if let Some(values) = self.values.get(at)
            && !values.iter().any(|value| shown == value)
        {
            found.push(format!("{at}: {shown} is not one of {values:?}"));
        }
        match (recorded, shown) {
            (Value::Object(recorded), Value::Object(shown)) => {
                let below = |name: &str| match at {
                    "" => name.to_owned(),
                    _ => format!("{at}.{name}"),
                };
                for name in shown.keys().filter(|name| !recorded.contains_key(*name)) {
                    found.push(format!("{}: not in the reference", below(name)));
                }
                for (name, value) in recorded {
                    match shown.get(name) {
                        Some(shown) => self.compare(&below(name), value, shown, found),
                        None if self.optional.contains(&below(name)) => {}
                        None => found.push(format!("{}: missing", below(name))),
                    }
                }
            }
            (Value::Array(recorded), Value::Array(shown)) => {
                for shown in shown {
                    self.compare(&format!("{at}[]"), &recorded[0], shown, found);
                }
            }
            (Value::String(recorded), Value::String(shown)) => {
                if recorded.ends_with("00:00:00.000Z") && !is_date(shown) {
                    found.push(format!("{at}: {shown:?} is not like {recorded:?}"));
                }
            }
            _ if kind(recorded) == kind(shown) => {}
            _ => found.push(format!("{at}: {} for {}", kind(shown), kind(recorded))),
        }
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// Whether `text` is RFC 3339 in UTC with milliseconds.
fn is_date(text: &str) -> bool {
    let is_parsed = text.parse::<jiff::Timestamp>().is_ok();
    is_parsed && text.len() == "2022-03-01T00:00:00.000Z".len() && text.ends_with('Z')
}

/// What the client sent: the request line, the header lines in lower case, the body.
struct SentRequest {
    line: String,
    headers: Vec<String>,
    body: Vec<u8>,
}

/// Answers one request with the reference response, over a socket.
fn replay(call: &ReferenceCall) -> (String, JoinHandle<SentRequest>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let body = call.response.as_ref().map(Value::to_string);
    let body = body.unwrap_or_default();
    let response = format!(
        "HTTP/1.1 {} Reference\r\nX-REQUEST-ID: req-1\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        call.status,
        body.len(),
    );
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut bytes = Vec::new();
        let request = loop {
            let mut chunk = [0; 4096];
            let count = stream.read(&mut chunk).unwrap();
            assert!(count > 0, "the client closed the connection");
            bytes.extend_from_slice(&chunk[..count]);
            if let Some(request) = whole_request(&bytes) {
                break request;
            }
        };
        stream.write_all(response.as_bytes()).unwrap();
        request
    });
    (url, server)
}

/// The request in `bytes`, once all of it has arrived.
fn whole_request(bytes: &[u8]) -> Option<SentRequest> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..end]).unwrap();
    let mut lines = head.lines();
    let line = lines.next().unwrap().to_owned();
    let lower_case = |line: &str| match line.split_once(": ") {
        Some((name, value)) => format!("{}: {value}", name.to_lowercase()),
        None => line.to_owned(),
    };
    let headers: Vec<String> = lines.map(lower_case).collect();
    let length = headers
        .iter()
        .find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length.map_or(0, |length| length.parse().unwrap());
    let body = bytes[end + 4..].to_vec();
    (body.len() == length).then_some(SentRequest {
        line,
        headers,
        body,
    })
}

/// Has the client make `call` of a server that gives the reference response: the request must
/// be the recorded one. Returns what the client understands of the response.
fn judge_client<T>(call: &ReferenceCall, make_call: impl AsyncFnOnce(Client) -> T) -> T {
    let (url, server) = replay(call);
    let client = Client::new(&kable_bulk::kable::settings::Settings {
        base_url: url.parse().unwrap(),
        loopback: true,
        client_id: CLIENT_ID.to_owned(),
        client_secret: CLIENT_SECRET.into(),
        timeout: Duration::from_secs(20),
        connections: 1,
        stripe: false,
        keys: call.path.ends_with("?keys=true"),
    });
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let meaning = runtime.block_on(make_call(client.unwrap()));
    let sent = server.join().unwrap();
    assert_eq!(sent.line, format!("{} {} HTTP/1.1", call.method, call.path));
    let mut headers = vec![
        "content-type: application/json".to_owned(),
        "accept: application/json".to_owned(),
    ];
    for (name, value) in call.credentials(CLIENT_SECRET) {
        headers.push(format!("{}: {value}", name.to_lowercase()));
    }
    for header in headers {
        assert!(
            sent.headers.contains(&header),
            "{header}: {:?}",
            sent.headers
        );
    }
    match &call.body {
        Some(body) => {
            let sent: Value = serde_json::from_slice(&sent.body).unwrap();
            assert_eq!(sent, *body);
        }
        None => assert_eq!(sent.body, b""),
    }
    if call.method == "POST" && call.body.is_none() {
        let length = "content-length: 0".to_owned();
        assert!(sent.headers.contains(&length), "{:?}", sent.headers);
    }
    meaning
}

/// The customer of the recorded create.
fn customer(body: &Value) -> Customer {
    let mut candidate = Candidate::new(Origin::default());
    let contact = &body["billingContact"];
    for field in Field::ALL {
        let name = field.member();
        let value = if field.in_contact() {
            &contact[name]
        } else if field.is_list() {
            &body[name][0]
        } else {
            &body[name]
        };
        candidate.set(field, value.as_str().unwrap());
    }
    let fit = validate(&candidate, &Rules::default()).unwrap();
    fit.values.to_customer()
}

fn contact(body: &Value) -> BillingContact {
    let value = |field: Field| {
        let value = &body["billingContact"][field.member()];
        (field, value.as_str().unwrap())
    };
    Field::CONTACT.into_iter().map(value).collect()
}

/// `remote` is the customer of the reference responses.
fn assert_is_recorded(remote: &RemoteCustomer, response: &Value) {
    let text = |name: &str| response[name].as_str().unwrap();
    assert_eq!(remote.customer_id, text("customerId"));
    assert_eq!(remote.client_id, text("clientId"));
    assert_eq!(remote.company_name, text("companyName"));
    assert_eq!(remote.currency, text("currency"));
    assert_eq!(remote.status, text("status"));
    assert_eq!(remote.stripe_customer_id, None);
    assert_eq!(remote.created, Some(RECORDED_MS));
    assert_eq!(remote.contact, Some(contact(response)));
    let ids = |list: &str, id: &str| -> Vec<String> {
        let items = response[list].as_array().unwrap().iter();
        items
            .map(|item| item[id].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(remote.plan_ids, Some(ids("plans", "planId")));
    assert_eq!(remote.bundle_ids, Some(ids("bundles", "bundleId")));
    let brought = response["bundles"][0]["plans"][0]["planId"]
        .as_str()
        .unwrap();
    assert_eq!(remote.brought_plan_ids, Some(vec![brought.to_owned()]));
}

#[test]
fn client_authenticates() {
    let reply = judge_client(&ReferenceCall::load("authenticate"), async |client| {
        client.authenticate().await.reply
    });
    assert!(matches!(reply, Preflight::Good(())), "{reply:?}");
}

#[test]
fn client_is_unauthorized() {
    let reply = judge_client(&ReferenceCall::load("unauthorized"), async |client| {
        client.authenticate().await.reply
    });
    let Preflight::Denied(refusal) = reply else {
        panic!("{reply:?}");
    };
    assert_eq!(refusal.status, 401);
    assert_eq!(refusal.message, "Unauthorized");
    assert_eq!(refusal.request_id.as_deref(), Some("req-1"));
}

#[test]
fn client_lists_plans_and_bundles() {
    for (name, id) in [("plans", "planId"), ("bundles", "bundleId")] {
        let call = ReferenceCall::load(name);
        let reply = judge_client(&call, async |client| match name {
            "plans" => client.plans().await.reply,
            _ => client.bundles().await.reply,
        });
        let Preflight::Good(catalog) = reply else {
            panic!("{name}: {reply:?}");
        };
        let listed = &call.response()[0];
        let id = listed[id].as_str().unwrap();
        assert!(catalog.has(id), "{name}");
        let external_id = listed["externalId"].as_str().unwrap();
        assert_eq!(catalog.with_external_id(external_id), [id], "{name}");
    }
}

#[test]
fn client_creates_a_customer_and_keeps_its_keys() {
    let call = ReferenceCall::load("create");
    let customer = customer(call.body.as_ref().unwrap());
    let reply = judge_client(&call, async |client| client.create(&customer).await.reply);
    let Reply::Done {
        customer,
        status,
        request_id,
    } = reply
    else {
        panic!("{reply:?}");
    };
    assert_eq!(status, 201);
    assert_eq!(request_id.as_deref(), Some("req-1"));
    assert_eq!(customer.customer_id, call.response()["customerId"]);
    assert_eq!(customer.created, Some(RECORDED_MS));
    assert!(!customer.altered);
    let keys: Vec<&str> = customer
        .keys
        .iter()
        .map(ExposeSecret::expose_secret)
        .collect();
    assert_eq!(json!(keys), json!([call.response()["keys"][0]["key"]]));
}

#[test]
fn client_looks_a_customer_up() {
    let call = ReferenceCall::load("lookup");
    let reply = judge_client(&call, async |client| {
        client
            .find(CustomerAddress::by_client_id("acme_7"))
            .await
            .reply
    });
    let LookUpReply::There { remote, .. } = reply else {
        panic!("{reply:?}");
    };
    assert_is_recorded(&remote, call.response());
}

#[test]
fn client_lists_all_customers() {
    let call = ReferenceCall::load("list");
    let remotes = judge_client(&call, async |client| {
        let reader = client.customer_reader();
        let mut remotes = Vec::new();
        let mut pages = client.customer_pages();
        let listed = pages.read(|body| remotes.extend(reader.read(body)));
        let reply = listed.await.reply;
        assert!(
            matches!(reply, Preflight::Good(PageEnd::Whole)),
            "{reply:?}"
        );
        remotes
    });
    assert_eq!(remotes.len(), 1);
    assert_is_recorded(&remotes[0], &call.response()[0]);
}

#[test]
fn client_updates_a_customer() {
    let call = ReferenceCall::load("update");
    let body = call.body.as_ref().unwrap();
    let text = |name: &str| Some(body[name].as_str().unwrap().to_owned());
    let change = RemoteChange::Update(Box::new(CustomerUpdate {
        company_name: text("companyName"),
        currency: text("currency"),
        stripe_customer_id: text("stripeCustomerId"),
        contact: Some(contact(body)),
    }));
    let reply = judge_client(&call, async |client| {
        client
            .change(CustomerAddress::by_client_id("acme_7"), &change)
            .await
            .reply
    });
    let Reply::Done {
        customer, status, ..
    } = reply
    else {
        panic!("{reply:?}");
    };
    assert_eq!(status, 201);
    assert_is_recorded(&customer, call.response());
}

/// A sandbox, and what calls it.
struct SandboxCaller {
    run: Run,
    http: reqwest::Client,
    runtime: tokio::runtime::Runtime,
}

impl SandboxCaller {
    fn new() -> Self {
        rustls::crypto::ring::default_provider()
            .install_default()
            .ok();
        Self {
            run: Run::new().server(&[]),
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
            runtime: tokio::runtime::Runtime::new().unwrap(),
        }
    }

    /// Sends the recorded request; the status and the JSON of the response.
    fn send(&self, call: &ReferenceCall, secret: &str) -> (u16, Value) {
        let url = format!("{}{}", self.run.url(), call.path);
        let body = call.body.as_ref().map(Value::to_string);
        let mut request = self.http.request(call.method.parse().unwrap(), url);
        for (name, value) in call.credentials(secret) {
            request = request.header(name, value);
        }
        if call.method == "POST" && call.body.is_none() {
            request = request.header("Content-Length", "0");
        }
        let request = request
            .header("Content-Type", "application/json")
            .header("Accept", "application/json")
            .body(body.unwrap_or_default());
        self.runtime.block_on(async {
            let response = request.send().await.unwrap();
            let status = response.status().as_u16();
            assert!(response.headers().contains_key("X-REQUEST-ID"));
            let body = response.bytes().await.unwrap();
            let json = if body.is_empty() {
                Value::Null
            } else {
                serde_json::from_slice(&body).unwrap()
            };
            (status, json)
        })
    }

    /// Sends the request of `name`, with ids of the sandbox's own plan and bundle in it; the
    /// status must be the recorded one. Returns how the response deviates from the reference.
    fn judge(&self, name: &str) -> Vec<String> {
        let mut call = ReferenceCall::load(name);
        for (members, list, id) in [
            ("planIds", "plans", "planId"),
            ("bundleIds", "bundles", "bundleId"),
        ] {
            let body = call.body.as_mut().and_then(|body| body.get_mut(members));
            if let Some(ids) = body {
                let (_, offers) = self.send(&ReferenceCall::load(list), CLIENT_SECRET);
                *ids = json!([offers[0][id]]);
            }
        }
        let (status, shown) = self.send(&call, CLIENT_SECRET);
        assert_eq!(status, call.status, "{name}: {shown}");
        if call.response.is_none() {
            return Vec::new();
        }
        let list = if name == "list" { &shown[0] } else { &shown };
        if name != "plans" && name != "bundles" {
            assert_ne!(list["plans"], json!([]), "{name}");
            assert_ne!(list["bundles"], json!([]), "{name}");
        }
        call.deviations(&shown)
    }
}

#[test]
fn sandbox_answers_as_the_reference_says() {
    let sandbox = SandboxCaller::new();
    let mut met = BTreeSet::new();
    for name in [
        "authenticate",
        "plans",
        "bundles",
        "create",
        "lookup",
        "list",
        "update",
    ] {
        for deviation in sandbox.judge(name) {
            // A member that the API doesn't have, because it may send unknown ones.
            if deviation.ends_with("sandbox: not in the reference") {
                continue;
            }
            let at = deviation.split(": ").next().unwrap();
            let known = SANDBOX_DIFFERS.iter().find(|known| {
                let at = at
                    .trim_start_matches("[].")
                    .trim_start_matches("bundles[].");
                at == **known || format!("plans[].{at}") == **known
            });
            assert!(known.is_some(), "{name}: {deviation}");
            met.extend(known);
        }
    }
    assert_eq!(met, SANDBOX_DIFFERS.iter().collect(), "known deviations");
}

#[test]
fn sandbox_refuses_other_credentials_as_the_reference_says() {
    let call = ReferenceCall::load("unauthorized");
    let (status, shown) = SandboxCaller::new().send(&call, "sk_test.another.one");
    assert_eq!(status, call.status);
    assert_eq!(call.deviations(&shown), Vec::<String>::new());
}
