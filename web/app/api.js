// The service's HTTP API as this page uses it: one function a request, tokens kept for the
// lifetime of the tab, one refresh when an access token has expired.

const BASE = "/api/v1";
const STORAGE_KEY = "kgl.session";

/** A request that the service answered with an error, or could not answer at all (`status` 0). */
export class ApiError extends Error {
  /** @param {number} status @param {object} problem the RFC 9457 body, `{}` where there was none */
  constructor(status, problem) {
    super(problem.detail || problem.message || problem.title || `The server answered ${status}.`);
    this.name = "ApiError";
    this.status = status;
    this.code = problem.error ?? "";
    this.requestId = problem.request_id ?? "";
    this.retryAfterSeconds = Number(problem.retry_after) || 0;
    this.issues = issuesOf(problem.details);
  }
}

/** Field issues of a validation problem, whether `details` is the list or an object that holds it. */
function issuesOf(details) {
  const list = Array.isArray(details) ? details : Object.values(details ?? {}).find(Array.isArray) ?? [];
  return list
    .filter((item) => item && typeof item.issue === "string")
    .map(({ field, issue }) => ({ field, issue }));
}

let session = readSession();
let refreshing = null;
let onSignedOut = () => {};

function readSession() {
  try {
    return JSON.parse(sessionStorage.getItem(STORAGE_KEY) ?? "null");
  } catch {
    return null; // Storage is switched off or holds something else: start signed out.
  }
}

function keepSession(next) {
  session = next;
  try {
    if (next) sessionStorage.setItem(STORAGE_KEY, JSON.stringify(next));
    else sessionStorage.removeItem(STORAGE_KEY);
  } catch {
    // Without storage the session still lives in memory until the page is left.
  }
}

/** The user who is signed in, or null. */
export function currentUser() {
  return session?.user ?? null;
}

/** Calls `listener` when the session has ended for good. */
export function whenSignedOut(listener) {
  onSignedOut = listener;
}

/** Signs in; answers the user. */
export async function signIn(email, password) {
  const pair = await send("POST", "/auth/login", { json: { email, password }, anonymous: true });
  keepSession({ access: pair.access_token, refresh: pair.refresh_token, user: pair.user });
  return pair.user;
}

/** Makes an account; answers the new user, who is not signed in yet. */
export function register(fields) {
  return send("POST", "/auth/register", { json: fields, anonymous: true });
}

/** Ends the session here, and on the server when it can be reached. */
export async function signOut() {
  const refresh = session?.refresh;
  try {
    await send("POST", "/auth/logout", { json: { refresh_token: refresh } });
  } catch {
    // Signing out must work offline too; the tokens expire on their own.
  }
  endSession();
}

function endSession() {
  keepSession(null);
  onSignedOut();
}

/** Submits pasted text: `{title?, content, content_type}`. Answers `{document, job, known}`. */
export function submitText(fields) {
  return submit({ json: fields });
}

/** Submits a file. Answers `{document, job, known}`; `known` says that the same content was here before. */
export function submitFile(file, contentType, title) {
  const form = new FormData();
  if (title) form.append("title", title);
  // Browsers leave the type of `.md` empty, so it is given from the name.
  form.append("file", new File([file], file.name, { type: contentType }));
  return submit({ form });
}

async function submit(body) {
  const { status, data } = await exchange("POST", "/documents", body);
  return { ...data, known: status === 200 };
}

/** A page of the user's documents, newest first as the service sorts them. */
export function listDocuments({ limit, cursor, signal }) {
  const query = new URLSearchParams({ limit: String(limit) });
  if (cursor) query.set("cursor", cursor);
  return send("GET", `/documents?${query}`, { signal });
}

export const getDocument = (id, signal) => send("GET", `/documents/${encodeURIComponent(id)}`, { signal });
export const getContent = (id, signal) => send("GET", `/documents/${encodeURIComponent(id)}/content`, { signal });
export const getGraph = (id, signal) => send("GET", `/documents/${encodeURIComponent(id)}/graph`, { signal });
export const getJob = (id, signal) => send("GET", `/jobs/${encodeURIComponent(id)}`, { signal });
export const cancelJob = (id) => send("POST", `/jobs/${encodeURIComponent(id)}/cancel`);
export const retryJob = (id) => send("POST", `/jobs/${encodeURIComponent(id)}/retry`);

/** The newest job of a document, or null. */
export async function latestJob(documentId, signal) {
  const { jobs } = await send("GET", `/jobs?document_id=${encodeURIComponent(documentId)}`, { signal });
  return jobs.reduce((newest, job) => (!newest || job.created_at > newest.created_at ? job : newest), null);
}

async function send(method, path, options) {
  return (await exchange(method, path, options)).data;
}

/** Sends one request; when the access token has expired, refreshes it and sends once more. */
async function exchange(method, path, options = {}) {
  const token = session?.access;
  let response = await attempt(method, path, options);
  if (response.status === 401 && !options.anonymous && session) {
    // Another request may have refreshed meanwhile; then the new token only has to be used.
    if (session.access === token) await refreshOnce();
    response = await attempt(method, path, options);
    if (response.status === 401) endSession();
  }
  const data = await bodyOf(response);
  if (!response.ok) {
    throw new ApiError(response.status, { retry_after: response.headers.get("Retry-After"), ...data });
  }
  return { status: response.status, data };
}

async function attempt(method, path, { json, form, anonymous, signal }) {
  const headers = { Accept: "application/json" };
  if (json !== undefined) headers["Content-Type"] = "application/json";
  if (!anonymous && session) headers.Authorization = `Bearer ${session.access}`;
  const body = json !== undefined ? JSON.stringify(json) : form;
  try {
    return await fetch(BASE + path, { method, headers, body, signal, cache: "no-store" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, { detail: "The server cannot be reached. Is it still running?" });
  }
}

async function bodyOf(response) {
  try {
    const data = JSON.parse(await response.text());
    return data !== null && typeof data === "object" ? data : {};
  } catch (error) {
    if (error.name === "AbortError") throw error;
    return {}; // An empty body (204), or an answer that some proxy made.
  }
}

/** Refreshes the token pair. One at a time: a refresh token that is used twice ends the whole session. */
function refreshOnce() {
  refreshing ??= refresh().finally(() => { refreshing = null; });
  return refreshing;
}

async function refresh() {
  const response = await attempt("POST", "/auth/refresh", {
    json: { refresh_token: session.refresh },
    anonymous: true,
  });
  const data = await bodyOf(response);
  if (response.ok) {
    keepSession({ access: data.access_token, refresh: data.refresh_token, user: data.user ?? session.user });
    return;
  }
  // A busy or restarting server says nothing about the token; only a refusal ends the session.
  if (response.status < 500 && response.status !== 429) endSession();
  throw new ApiError(response.status, data);
}
