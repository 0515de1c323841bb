//! What an administrator of the KMS does to keys.

use super::Stage;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Enables or disables the key of an alias.
pub async fn enable(stage: &Stage, alias: &str, enabled: bool) {
    let described = kms_call(stage, "DescribeKey", &json!({ "KeyId": alias })).await;
    let operation = if enabled { "EnableKey" } else { "DisableKey" };
    kms_call(stage, operation, &json!({ "KeyId": described["KeyMetadata"]["KeyId"] })).await;
}

/// An administrator of the KMS, by hand.
async fn kms_call(stage: &Stage, operation: &str, arguments: &serde_json::Value) -> serde_json::Value {
    let url = stage.devnet.kms_url();
    let host = url.strip_prefix("http://").unwrap();
    let body = arguments.to_string();
    let request = format!(
        "POST / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Type: application/x-amz-json-1.1\r\n\
         X-Amz-Target: TrentService.{operation}\r\nAuthorization: AWS4-HMAC-SHA256 administrator\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut connection = TcpStream::connect(host).await.unwrap();
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{answer}");
    if body.trim().is_empty() { json!(null) } else { serde_json::from_str(body).unwrap() }
}
