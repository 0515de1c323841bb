//! A database over a network: whoever demands TLS gets it, or nothing.
// SPEC X8

use crate::postgres::Server;
use ballast_store::{Location, Store};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use sqlx::{Connection, PgConnection, Row};
use std::{fs, net::TcpListener, path::Path};

const HBA: &str = "local all all trust\nhost all all 127.0.0.1/32 trust\nhost all locked 127.0.0.1/32 scram-sha-256\n";
const TLS: &str = "listen_addresses = '127.0.0.1'\nssl = on\nssl_cert_file = 'server.crt'\nssl_key_file = 'server.key'";

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A server whose certificate is `name`'s, by an authority; the authority's certificate is in the file.
async fn server(name: &str, root: &Path) -> (Server, u16) {
    let authority = authority();
    fs::write(root, authority.pem()).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let files = [("server.crt", certificate.pem()), ("server.key", key.serialize_pem())];
    let files = files.each_ref().map(|(name, contents)| (*name, contents.as_str()));
    (Server::start(port, TLS, HBA, &files), port)
}

fn location(port: u16, database: &str, parameters: &str) -> Location {
    Location::Postgres(
        format!("postgresql://postgres:s3cr3t@127.0.0.1:{port}/{database}?{parameters}").parse().unwrap(),
    )
}

/// Opens it as the keeper does and as a reader does, and says whether each of their connections is encrypted.
async fn encrypted(administrator: &mut PgConnection, location: &Location) -> Vec<bool> {
    let writer = Store::open_at(location).await.unwrap();
    let reader = Store::open_read_only_at(location).await.unwrap();
    writer.audit_head().await.unwrap();
    reader.audit_head().await.unwrap();
    let connections =
        "SELECT s.ssl FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid) WHERE a.application_name = 'ballast'";
    let rows = sqlx::query(connections).fetch_all(administrator).await.unwrap();
    writer.close().await;
    reader.close().await;
    rows.iter().map(|row| row.get(0)).collect()
}

async fn refused(location: &Location, words: &[&str]) {
    for opened in [Store::open_at(location).await, Store::open_read_only_at(location).await] {
        let said = opened.unwrap_err().to_string();
        for word in words.iter().chain(&["postgresql://postgres@127.0.0.1:", "cannot be opened"]) {
            assert!(said.contains(word), "expected {word:?} in {said:?}");
        }
        assert!(!said.contains("s3cr3t"), "{said}");
    }
}

#[tokio::test]
async fn tls_that_is_demanded_is_had_or_nothing_is() {
    let folder = tempfile::tempdir().unwrap();
    let (root, other) = (folder.path().join("root.crt"), folder.path().join("other.crt"));
    fs::write(&other, authority().pem()).unwrap();
    let (server, port) = server("127.0.0.1", &root).await;
    let database = server.database().await;
    let mut administrator = server.connect("postgres").await;
    let verified = |file: &Path| format!("sslmode=verify-full&sslrootcert={}", file.display());

    for parameters in ["sslmode=require", &verified(&root), ""] {
        let encrypted = encrypted(&mut administrator, &location(port, &database, parameters)).await;
        assert!(encrypted.len() >= 3 && encrypted.iter().all(|tls| *tls), "{parameters}: {encrypted:?}");
    }
    let plain = encrypted(&mut administrator, &location(port, &database, "sslmode=disable")).await;
    assert!(plain.iter().all(|tls| !tls), "what the administrator is asked tells them apart: {plain:?}");
    refused(&location(port, &database, &verified(&other)), &["certificate"]).await;
    // The public authorities know nothing of it.
    refused(&location(port, &database, "sslmode=verify-full"), &["certificate"]).await;
    refused(&location(port, &database, &verified(&folder.path().join("absent.crt"))), &[]).await;
    refused(&location(port, &database, "sslmode=verify-fully"), &["verify-fully"]).await;

    // The same server without TLS: who demands it is not served in plain text.
    for statement in ["ALTER SYSTEM SET ssl = off", "SELECT pg_reload_conf()"] {
        sqlx::raw_sql(statement).execute(&mut administrator).await.unwrap();
    }
    while sqlx::query("SHOW ssl").fetch_one(&mut administrator).await.unwrap().get::<String, _>(0) != "off" {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    for parameters in ["sslmode=require", "sslmode=verify-ca", &verified(&root)] {
        refused(&location(port, &database, parameters), &["TLS"]).await;
    }
    administrator.close().await.unwrap();
}

#[tokio::test]
async fn the_certificate_of_another_name_is_refused_where_the_name_is_demanded() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root.crt");
    let (server, port) = server("keeper.example", &root).await;
    let database = server.database().await;
    let parameters = |mode: &str| format!("sslmode={mode}&sslrootcert={}", root.display());
    refused(&location(port, &database, &parameters("verify-full")), &["certificate"]).await;
    let mut administrator = server.connect("postgres").await;
    let encrypted = encrypted(&mut administrator, &location(port, &database, &parameters("verify-ca"))).await;
    assert!(!encrypted.is_empty() && encrypted.iter().all(|tls| *tls), "{encrypted:?}");
    administrator.close().await.unwrap();
}
