// Where the page starts: who is signed in, and which view the address names.
//   #/new             the form for a new document
//   #/documents/{id}  one document

import { currentUser, signOut, whenSignedOut } from "./app/api.js";
import { clearDocuments, markOpen, refreshDocuments } from "./app/documents.js";
import { byId } from "./app/dom.js";
import { openDocument, setUpReader } from "./app/reader.js";
import { resetSignIn, setUpSignIn } from "./app/sign_in.js";
import { clearSubmit, setUpSubmit } from "./app/submit.js";

let leaving = new AbortController(); // aborted when the open view is left
let submitted = null; // the answer to the last submission, until its document is opened

function route() {
  leaving.abort();
  leaving = new AbortController();
  const user = currentUser();
  byId("sign-in").hidden = Boolean(user);
  byId("workspace").hidden = !user;
  byId("account").hidden = !user;
  if (!user) {
    byId("sign-in-form").elements.email.focus();
    return;
  }
  byId("account-email").textContent = user.email;

  const id = /^#\/documents\/([0-9a-fA-F-]+)$/.exec(location.hash)?.[1] ?? "";
  byId("reader").hidden = !id;
  byId("new-document").hidden = Boolean(id);
  markOpen(id);
  window.scrollTo(0, 0);
  if (id) {
    const fresh = submitted?.document.id === id ? submitted : null;
    submitted = null;
    openDocument(id, {
      signal: leaving.signal,
      job: fresh?.job,
      known: fresh?.known,
      onChange: refreshDocuments,
    });
  } else {
    byId("new-heading").focus({ preventScroll: true });
  }
}

setUpSignIn(() => {
  refreshDocuments();
  route();
});
setUpSubmit((accepted) => {
  submitted = accepted;
  refreshDocuments();
  location.hash = `#/documents/${accepted.document.id}`;
});
setUpReader();

whenSignedOut(() => {
  clearDocuments();
  clearSubmit();
  resetSignIn();
  route();
});
byId("sign-out").addEventListener("click", signOut);
window.addEventListener("hashchange", () => {
  if (location.hash !== "#main") route(); // The skip link moves the focus, not the view.
});

if (currentUser()) refreshDocuments();
route();
