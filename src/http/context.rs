//! What is known of one request beside its content: its ids, where it came from, and what became of it.

use std::{net::IpAddr, sync::OnceLock};

use http::{HeaderMap, header::HeaderName};
use kgl_actors::domain::ids::UserId;
use uuid::Uuid;

/// Accepted from clients, and on every answer.
pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// W3C Trace Context.
pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// Whom a proxy says it speaks for.
pub(crate) const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// Longer ids than this are nobody's.
const MAX_REQUEST_ID: usize = 128;

/// What accompanies a request through all layers, and gathers what the access log wants to know at the end.
#[derive(Debug)]
pub(crate) struct Context {
    /// The client's id for the request, or one of ours.
    pub(crate) request_id: String,
    /// Where the request stands in its trace.
    pub(crate) trace: Trace,
    /// The client's address.
    pub(crate) peer: Option<IpAddr>,
    /// Who the client turned out to be.
    pub(crate) user: OnceLock<UserId>,
    /// The pattern that the path matched.
    pub(crate) route: OnceLock<&'static str>,
    /// The problem that it was answered with, in one line.
    pub(crate) problem: OnceLock<String>,
    /// The size of the answer's body before compression, in bytes.
    pub(crate) response_size: OnceLock<u64>,
}

impl Context {
    /// The context of a request with these headers. `peer` is whoever opened the connection; `trusted` tells whether
    /// an address is a proxy that may speak for others.
    pub(crate) fn new(headers: &HeaderMap, peer: Option<IpAddr>, trusted: impl Fn(IpAddr) -> bool) -> Self {
        let request_id = headers
            .get(X_REQUEST_ID)
            .and_then(|value| value.to_str().ok())
            .filter(|id| acceptable_id(id))
            .map_or_else(|| Uuid::now_v7().to_string(), str::to_owned);
        Self {
            request_id,
            trace: Trace::continued(headers.get(TRACEPARENT).and_then(|value| value.to_str().ok())),
            peer: peer.map(|peer| client_address(headers, peer.to_canonical(), trusted)),
            user: OnceLock::new(),
            route: OnceLock::new(),
            problem: OnceLock::new(),
            response_size: OnceLock::new(),
        }
    }
}

/// Ids are echoed and logged: only letters, digits and a few signs that need no quoting anywhere.
fn acceptable_id(id: &str) -> bool {
    (1..=MAX_REQUEST_ID).contains(&id.len())
        && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:+/=@".contains(&b))
}

/// Follows `X-Forwarded-For` from its end, for as long as it was a trusted proxy that wrote it: what stands further
/// left could be anybody's invention.
fn client_address(headers: &HeaderMap, peer: IpAddr, trusted: impl Fn(IpAddr) -> bool) -> IpAddr {
    let lines: Vec<&str> = headers.get_all(X_FORWARDED_FOR).iter().filter_map(|value| value.to_str().ok()).collect();
    let mut client = peer;
    for hop in lines.iter().flat_map(|line| line.split(',')).rev() {
        let Ok(address) = hop.trim().parse::<IpAddr>() else { break };
        if !trusted(client) {
            break;
        }
        client = address.to_canonical();
    }
    client
}

/// A position in a distributed trace, after W3C Trace Context level 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trace {
    /// The whole trace: 32 hexadecimal digits.
    pub(crate) trace_id: String,
    /// This service's part of it: 16 hexadecimal digits.
    pub(crate) span_id: String,
    sampled: bool,
}

impl Trace {
    /// Continues the trace of a `traceparent`, or begins a new one if there is none that makes sense.
    fn continued(traceparent: Option<&str>) -> Self {
        let random = Uuid::new_v4().simple().to_string();
        let span_id = random[..16].to_owned();
        match traceparent.and_then(parse_traceparent) {
            Some((trace_id, sampled)) => Self { trace_id: trace_id.to_owned(), span_id, sampled },
            None => Self { trace_id: Uuid::new_v4().simple().to_string(), span_id, sampled: true },
        }
    }

    /// What the next service, or a job, is given as its parent.
    pub(crate) fn traceparent(&self) -> String {
        format!("00-{}-{}-{:02x}", self.trace_id, self.span_id, u8::from(self.sampled))
    }
}

/// Trace id and sampled flag of a `traceparent`. Versions above 00 may have more fields; what is known stays in place.
fn parse_traceparent(text: &str) -> Option<(&str, bool)> {
    let hex = |text: &str, length: usize| {
        text.len() == length && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
    let mut fields = text.trim().split('-');
    let (version, trace, parent, flags) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    let shape = hex(version, 2) && hex(trace, 32) && hex(parent, 16) && hex(flags, 2);
    let zero = |text: &str| text.bytes().all(|b| b == b'0');
    if !shape || version == "ff" || zero(trace) || zero(parent) || (version == "00" && fields.next().is_some()) {
        return None;
    }
    Some((trace, u8::from_str_radix(flags, 16).ok()? & 1 == 1))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn headers(pairs: &[(HeaderName, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_str(value).expect("a value"))).collect()
    }

    #[test]
    fn a_good_request_id_is_kept_and_any_other_replaced() {
        let id = |text: &str| Context::new(&headers(&[(X_REQUEST_ID, text)]), None, |_| false).request_id;
        assert_eq!(id("abc-123.x:y"), "abc-123.x:y");
        for bad in ["", "with space", "a\"b", &"x".repeat(129)] {
            assert_ne!(id(bad), bad);
            assert_eq!(id(bad).len(), 36);
        }
    }

    #[test]
    fn a_trace_goes_on_under_a_span_of_our_own() {
        let trace = Trace::continued(Some(PARENT));
        assert_eq!(trace.trace_id, "0af7651916cd43dd8448eb211c80319c");
        assert_ne!(trace.span_id, "b7ad6b7169203331");
        let passed_on = trace.traceparent();
        assert_eq!(parse_traceparent(&passed_on), Some((trace.trace_id.as_str(), true)));
        assert!(Trace::continued(Some(&PARENT.replace("-01", "-00"))).traceparent().ends_with("-00"));
    }

    #[test]
    fn rubbish_begins_a_new_trace() {
        for bad in [
            "",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
        ] {
            assert_eq!(parse_traceparent(bad), None, "{bad}");
        }
        assert!(parse_traceparent(&format!("cc{}-more", &PARENT[2..])).is_some(), "later versions may say more");
    }

    #[test]
    fn only_trusted_proxies_may_speak_for_others() {
        let ip = |text: &str| text.parse::<IpAddr>().expect("an address");
        let forwarded = headers(&[(X_FORWARDED_FOR, "6.6.6.6, 203.0.113.9, 10.0.0.2")]);
        let client = |trusted: &[&str]| {
            let trusted: Vec<_> = trusted.iter().map(|t| ip(t)).collect();
            Context::new(&forwarded, Some(ip("10.0.0.1")), |a| trusted.contains(&a)).peer
        };
        assert_eq!(client(&[]), Some(ip("10.0.0.1")));
        assert_eq!(client(&["10.0.0.1"]), Some(ip("10.0.0.2")));
        assert_eq!(client(&["10.0.0.1", "10.0.0.2"]), Some(ip("203.0.113.9")));
    }
}
