//! A local server that serves recorded answers and every fault on purpose.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod indicators;
pub mod protocols;
pub mod sources;

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures::{StreamExt, stream};
use std::{
    collections::VecDeque,
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

/// What the server does with one request.
#[derive(Clone, Debug)]
pub enum Canned {
    Json(String),
    /// Status and body, as JSON.
    Status(u16, String),
    /// `429` with this `Retry-After`.
    Limited(Option<String>),
    /// Content type and body.
    Typed(String, String),
    /// No answer, ever.
    Silence,
    /// The body comes one byte at a time, with this pause between two.
    Drip(String, Duration),
    /// The connection breaks after the body's first half.
    Broken(String),
    /// This many bytes without a length in the header.
    Huge(usize),
}

#[derive(Clone, Debug)]
pub struct Asked {
    pub method: String,
    /// With its query.
    pub uri: String,
    pub headers: HeaderMap,
    pub body: String,
}

#[derive(Default)]
struct Script {
    answers: VecDeque<Canned>,
    asked: Vec<Asked>,
}

/// Answers in the order given; the last one again and again.
pub struct Server {
    pub url: String,
    script: Arc<Mutex<Script>>,
}

impl Server {
    pub async fn start(answers: impl IntoIterator<Item = Canned>) -> Self {
        let script = Arc::new(Mutex::new(Script { answers: answers.into_iter().collect(), asked: Vec::new() }));
        let router = Router::new().fallback(answer).with_state(Arc::clone(&script));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, script }
    }

    pub async fn json(body: &str) -> Self {
        Self::start([Canned::Json(body.to_owned())]).await
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.script.lock().unwrap().asked.clone()
    }
}

async fn answer(State(script): State<Arc<Mutex<Script>>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let canned = {
        let mut script = script.lock().unwrap();
        script.asked.push(Asked {
            method: parts.method.to_string(),
            uri: parts.uri.to_string(),
            headers: parts.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        });
        if script.answers.len() > 1 { script.answers.pop_front().unwrap() } else { script.answers[0].clone() }
    };
    let json = [(header::CONTENT_TYPE, "application/json; charset=utf-8")];
    match canned {
        Canned::Json(body) => (json, body).into_response(),
        Canned::Status(status, body) => (StatusCode::from_u16(status).unwrap(), json, body).into_response(),
        Canned::Limited(after) => {
            let mut response = (StatusCode::TOO_MANY_REQUESTS, json, "{}").into_response();
            if let Some(after) = after {
                response.headers_mut().insert(header::RETRY_AFTER, after.parse().unwrap());
            }
            response
        }
        Canned::Typed(content_type, body) => ([(header::CONTENT_TYPE, content_type)], body).into_response(),
        Canned::Silence => std::future::pending().await,
        Canned::Drip(body, pause) => {
            let bytes = stream::iter(body.into_bytes()).then(move |byte| async move {
                tokio::time::sleep(pause).await;
                Ok::<_, io::Error>(Bytes::from(vec![byte]))
            });
            (json, Body::from_stream(bytes)).into_response()
        }
        Canned::Broken(body) => {
            let half = Bytes::from(body.as_bytes()[..body.len() / 2].to_vec());
            let parts = stream::iter([Ok(half), Err(io::Error::other("broken on purpose"))]).then(|part| async {
                tokio::time::sleep(Duration::from_millis(5)).await;
                part
            });
            (json, Body::from_stream(parts)).into_response()
        }
        Canned::Huge(bytes) => {
            let chunk = Bytes::from(vec![b' '; 4_096]);
            let chunks = stream::iter((0..bytes / 4_096).map(move |_| Ok::<_, io::Error>(chunk.clone())));
            (json, Body::from_stream(chunks)).into_response()
        }
    }
}
