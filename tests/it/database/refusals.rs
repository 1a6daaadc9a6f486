//! What keeps a checkpoint in PostgreSQL from being used: each a clear error with a hint.
//! The statements that hints print are followed here.

use super::{DatabaseCheckpoint, address};
use crate::common::{EndedRun, Run, rows};

const IMPORT: &str = "import in.csv --sandbox --rate unlimited";

/// What follows `begin` in the hint of an error.
fn advice(ended: &EndedRun, begin: &str) -> String {
    let hint = ended.stderr.lines().find(|line| line.starts_with("hint: "));
    hint.unwrap().split_once(begin).unwrap().1.to_owned()
}

/// A run as another user of the server.
fn run_as(database: &DatabaseCheckpoint, user: &str) -> Run {
    Run::new()
        .env("KABLE_BULK_CHECKPOINT", &database.address_of(user))
        .input("in.csv", rows(5))
}

#[test]
fn a_schema_with_other_tables_is_left_alone() {
    let Some(database) = DatabaseCheckpoint::new() else {
        return;
    };
    let schema = &database.schema;
    database.sql(&format!(
        "CREATE SCHEMA {schema}; CREATE TABLE {schema}.t (x int)"
    ));
    let run = database.run().input("in.csv", rows(5));
    for line in [IMPORT, &format!("{IMPORT} --dry-run"), "status in.csv"] {
        run.go(line)
            .refuses(1, &["is not a checkpoint of kable-bulk"])
            .hints("schema=NAME");
    }
    let tables =
        format!("SELECT string_agg(tablename, ' ') FROM pg_tables WHERE schemaname = '{schema}'");
    assert_eq!(database.sql(&tables), "t");
}

#[test]
fn one_of_another_account_or_a_newer_format_or_none_is_refused() {
    let Some(database) = DatabaseCheckpoint::new() else {
        return;
    };
    let run = database.run().input("in.csv", rows(5));
    for command in ["status", "list", "report"] {
        run.go(&format!("{command} in.csv"))
            .refuses(1, &["there is no checkpoint postgres://"])
            .hints("schema=NAME");
    }
    run.go(IMPORT).code(0);
    run.go("import in.csv --sandbox=other.db")
        .refuses(1, &["belongs to sandbox:", "other.db"])
        .hints("schema=NAME");
    database.sql("UPDATE kb.account SET format = 99");
    for line in [IMPORT, "status in.csv"] {
        run.go(line)
            .refuses(
                1,
                &["has format 99, and this kable-bulk knows formats up to"],
            )
            .hints("use the version");
    }
    database.sql("UPDATE kb.account SET format = 1; DROP TABLE kb.figures");
    run.go("status in.csv")
        .refuses(1, &["figures", "(42P01)"])
        .hints("restore them from a backup");
}

/// Each hint names the right that is missing, and is followed.
#[test]
fn rights_that_are_missing_are_named() {
    let Some(database) = DatabaseCheckpoint::new() else {
        return;
    };
    let (schema, user) = (&database.schema, format!("{}_user", database.schema));
    database.sql(&format!("CREATE ROLE {user} LOGIN"));
    let run = run_as(&database, &user);
    let ended = run.go(IMPORT).refuses(
        1,
        &["cannot create checkpoint", "permission denied for database"],
    );
    let made = advice(&ended, "an administrator of the database runs ");
    assert!(made.starts_with("CREATE SCHEMA \""), "{made}");
    database.sql(&format!("CREATE SCHEMA {schema}"));
    let ended = run
        .go(IMPORT)
        .refuses(1, &["cannot create", "permission denied for schema"]);
    database.sql(&advice(&ended, "the owner of the schema runs "));
    run.go(IMPORT).code(0);

    let reader = format!("{schema}_reader");
    database.sql(&format!("CREATE ROLE {reader} LOGIN"));
    let run = run_as(&database, &reader);
    let ended = run
        .go("status in.csv")
        .refuses(1, &["cannot read checkpoint", "permission denied"]);
    let granted = advice(&ended, "the owner of the schema runs ");
    assert!(granted.contains("GRANT SELECT ON ALL TABLES"), "{granted}");
    database.sql(&granted);
    run.go("status in.csv").code(0).says("100%");
    // The sandbox of the run that made it.
    let sandbox = database.sql("SELECT base_url FROM kb.account");
    let sandbox = sandbox.strip_prefix("sandbox:").unwrap();
    let import = format!("import in.csv --rate unlimited --sandbox={sandbox}");
    let ended = run
        .go(&import)
        .refuses(1, &["cannot write to checkpoint", "permission denied"]);
    database.sql(&advice(&ended, "the owner of the schema runs "));
    run.go(&import).code(0);
}

#[test]
fn a_database_that_takes_no_writes_is_told_at_once() {
    let Some(database) = DatabaseCheckpoint::new() else {
        return;
    };
    let run = database.run().input("in.csv", rows(5));
    run.go(IMPORT).code(0);
    let read_only = format!(
        "{}&options=-c%20default_transaction_read_only%3Don",
        database.address()
    );
    // With a rate the first requests are reserved from it.
    for import in [IMPORT, "import in.csv --sandbox --rate 50/s"] {
        run.go(&format!("{import} --checkpoint {read_only}"))
            .refuses(1, &["read-only transaction", "(25006)"])
            .hints("not a standby");
    }
    run.go(&format!("status --checkpoint {read_only}")).code(0);
}

#[test]
fn a_server_database_or_user_that_cannot_be_used_is_named() {
    let Some(database) = DatabaseCheckpoint::new() else {
        return;
    };
    let (schema, port) = (&database.schema, database.server.port());
    let run = Run::new().input("in.csv", rows(5));
    let refused = |checkpoint: &str, words: &[&str], hint: &str| {
        run.go(&format!("{IMPORT} --checkpoint {checkpoint}"))
            .refuses(1, words)
            .hints(hint);
    };
    let latin = format!("{schema}_latin");
    database.sql(&format!(
        "CREATE DATABASE {latin} ENCODING 'LATIN1' TEMPLATE template0"
    ));
    refused(
        &format!("postgres://kable@127.0.0.1:{port}/{latin}"),
        &["has the encoding LATIN1"],
        "ENCODING 'UTF8' TEMPLATE template0",
    );
    refused(
        &format!("postgres://kable@127.0.0.1:{port}/nowhere"),
        &["has no database \"nowhere\""],
        "the database must exist",
    );
    refused(
        &address("nobody", port, schema),
        &["does not let user \"nobody\" connect"],
        "the user must exist",
    );
    refused(
        &address("kable", 1, schema),
        &["no database server listens on 127.0.0.1:1"],
        "check the host and the port",
    );
    refused(
        "postgres://kable@127.0.0.1/postgres?shema=x",
        &["unknown parameter \"shema\""],
        "perhaps schema is meant",
    );
    // One connection is for the lease.
    let limited = format!("{schema}_limited");
    database.sql(&format!(
        "CREATE ROLE {limited} LOGIN CONNECTION LIMIT 1; CREATE SCHEMA {schema} AUTHORIZATION {limited}"
    ));
    refused(
        &address(&limited, port, schema),
        &["has no free connection", "too many connections for role"],
        "a process of kable-bulk needs two",
    );
    assert_eq!(
        database.sql("SELECT string_agg(state, ' ') FROM kb.worker"),
        "left"
    );
}

#[test]
fn a_password_is_never_shown_or_written() {
    const PASSWORD: &str = "Wachs-Tuch-4711";
    let Some(database) = DatabaseCheckpoint::new() else {
        return;
    };
    let (schema, user) = (&database.schema, format!("{}_scram", database.schema));
    database.sql(&format!(
        "CREATE ROLE {user} LOGIN PASSWORD '{PASSWORD}';
         CREATE SCHEMA {schema} AUTHORIZATION {user}"
    ));
    let hba = database.sql("SHOW hba_file");
    database.sql(&format!(
        "COPY (SELECT 'host all {user} 127.0.0.1/32 scram-sha-256'
               UNION ALL SELECT 'host all all 127.0.0.1/32 trust') TO '{hba}'"
    ));
    database.sql("SELECT pg_reload_conf()");
    let mut ends = Vec::new();
    let run = run_as(&database, &user);
    ends.push(run.go(IMPORT).refuses(1, &["wants a password for user"]));
    let run = run.env("PGPASSWORD", "wrong-password");
    ends.push(
        run.go(IMPORT)
            .refuses(1, &["refuses the password of user", "(PGPASSWORD)"]),
    );
    let run = run.env("PGPASSWORD", PASSWORD);
    ends.push(run.go(&format!("{IMPORT} --log-format json")).code(0));
    for command in ["status", "list", "report"] {
        ends.push(run.go(&format!("{command} in.csv")).code(0));
    }
    let typed = format!("postgres://{user}:{PASSWORD}@127.0.0.1/postgres");
    ends.push(
        run.go(&format!("{IMPORT} --checkpoint {typed}"))
            .refuses(1, &["a password stands in the address"])
            .hints("PGPASSWORD"),
    );
    for ended in ends {
        for word in [PASSWORD, "wrong-password"] {
            let shown = [&ended.stdout, &ended.stderr];
            assert!(shown.iter().all(|text| !text.contains(word)), "{word}");
        }
    }
    for file in run.files() {
        let bytes = std::fs::read(&file).unwrap();
        let is_in = bytes
            .windows(PASSWORD.len())
            .any(|part| part == PASSWORD.as_bytes());
        assert!(!is_in, "{}", file.display());
    }
    for table in ["account", "worker", "run", "figures", "customer"] {
        let all = database.sql(&format!("SELECT t::text FROM kb.{table} t"));
        assert!(!all.is_empty() && !all.contains(PASSWORD), "{table}");
    }
}
