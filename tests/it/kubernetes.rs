//! The samples for Kubernetes: they are YAML, their options exist, and they deal with every
//! exit code.

use std::collections::{BTreeMap, BTreeSet};

use saphyr::{LoadableYamlNode, Yaml};

const IMPORT: &str = include_str!("../../samples/kubernetes/import-job.yaml");
const SYNC: &str = include_str!("../../samples/kubernetes/sync-cronjob.yaml");
const PAGE: &str = include_str!("../../samples/kubernetes/README.md");
const INTERFACE: &str = include_str!("../../docs/interface.md");

fn parsed(text: &str) -> Yaml<'_> {
    let mut documents = Yaml::load_from_str(text).unwrap();
    assert_eq!(documents.len(), 1);
    documents.remove(0)
}

/// The specification of the sample's Job.
fn job<'y>(sample: &'y Yaml<'y>) -> &'y Yaml<'y> {
    match sample["kind"].as_str().unwrap() {
        "CronJob" => &sample["spec"]["jobTemplate"]["spec"],
        _job => &sample["spec"],
    }
}

fn container<'y>(job: &'y Yaml<'y>) -> &'y Yaml<'y> {
    &job["template"]["spec"]["containers"][0]
}

fn texts<'y>(list: &'y Yaml<'y>) -> Vec<&'y str> {
    let list = list.as_sequence().unwrap();
    list.iter().map(|text| text.as_str().unwrap()).collect()
}

/// The exit codes that the interface documents, but for success.
fn documented() -> BTreeSet<i64> {
    let (_, section) = INTERFACE.split_once("\n## Exit codes\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| "));
    let codes = rows.filter_map(|row| row.split(' ').next()?.parse().ok());
    codes.filter(|code| *code != 0).collect()
}

/// What the policy does after each exit code.
fn actions(job: &Yaml<'_>, name: &str) -> BTreeMap<i64, String> {
    let rules = job["podFailurePolicy"]["rules"].as_sequence().unwrap();
    // The first rule that fits is applied: a pod that was drained may have any code.
    let disrupted = &rules[0]["onPodConditions"][0]["type"];
    assert_eq!(disrupted.as_str(), Some("DisruptionTarget"));
    let mut actions = BTreeMap::new();
    for rule in &rules[1..] {
        let codes = &rule["onExitCodes"];
        assert_eq!(codes["containerName"].as_str(), Some(name));
        assert_eq!(codes["operator"].as_str(), Some("In"));
        for code in codes["values"].as_sequence().unwrap() {
            let action = rule["action"].as_str().unwrap().to_owned();
            let earlier = actions.insert(code.as_integer().unwrap(), action);
            assert_eq!(earlier, None, "{code:?} stands twice");
        }
    }
    actions
}

#[test]
fn their_commands_are_accepted() {
    for sample in [IMPORT, SYNC] {
        let sample = parsed(sample);
        let container = container(job(&sample));
        let mut words = texts(&container["command"]);
        words.extend(texts(&container["args"]));
        assert!(words.len() > 8, "{words:?}");
        let parsed = kable_bulk::cli::command().try_get_matches_from(&words);
        assert!(parsed.is_ok(), "{words:?}: {parsed:?}");
    }
}

#[test]
fn they_deal_with_every_exit_code_as_their_page_says() {
    for (text, column) in [(IMPORT, 1), (SYNC, 2)] {
        let sample = parsed(text);
        let job = job(&sample);
        let actions = actions(job, container(job)["name"].as_str().unwrap());
        let codes: BTreeSet<i64> = actions.keys().copied().collect();
        assert_eq!(codes, documented());
        for (code, action) in actions {
            let row = PAGE
                .lines()
                .find(|line| line.starts_with(&format!("| {code} |")));
            let cell = row.unwrap().split(" | ").nth(column).unwrap();
            assert!(cell.contains(&format!("`{action}`")), "{code}: {cell}");
        }
    }
}

#[test]
fn what_kubernetes_demands_together_stands_together() {
    let (import, sync) = (parsed(IMPORT), parsed(SYNC));
    for job in [job(&import), job(&sync)] {
        let pod = &job["template"]["spec"];
        // podFailurePolicy is refused otherwise.
        assert_eq!(pod["restartPolicy"].as_str(), Some("Never"));
        let container = container(job);
        let mounts = container["volumeMounts"].as_sequence().unwrap();
        let mounted: BTreeSet<&str> = mounts
            .iter()
            .map(|mount| mount["name"].as_str().unwrap())
            .collect();
        let volumes = pod["volumes"].as_sequence().unwrap();
        let volumes: BTreeSet<&str> = volumes
            .iter()
            .map(|volume| volume["name"].as_str().unwrap())
            .collect();
        assert_eq!(mounted, volumes);
        // Results go to a folder that can be written, and metrics to the port that is named.
        let arguments = texts(&container["args"]);
        let port = container["ports"][0]["containerPort"].as_integer().unwrap();
        assert!(arguments.contains(&format!("--metrics=:{port}").as_str()));
        let out = arguments
            .iter()
            .find_map(|word| word.strip_prefix("--out="));
        let places = mounts
            .iter()
            .map(|mount| mount["mountPath"].as_str().unwrap());
        assert!(places.clone().any(|place| out.unwrap().starts_with(place)));
    }
    let spec = &import["spec"];
    assert_eq!(spec["completionMode"].as_str(), Some("Indexed"));
    assert_eq!(
        spec["completions"].as_integer(),
        spec["parallelism"].as_integer()
    );
    // FailIndex is refused without it.
    assert!(spec["backoffLimitPerIndex"].as_integer().is_some());
    let spread = &spec["template"]["spec"]["topologySpreadConstraints"][0];
    let label = "app.kubernetes.io/name";
    assert_eq!(
        spread["labelSelector"]["matchLabels"][label].as_str(),
        spec["template"]["metadata"]["labels"][label].as_str()
    );
}
