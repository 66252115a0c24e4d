// Signing in, and making an account to sign in with.

import { register, signIn } from "./api.js";
import { byId } from "./dom.js";
import { clearProblem, showProblem } from "./problem.js";

const form = byId("sign-in-form");
const fields = form.elements;
let creating = false;

/** Wires the form up; `onSignedIn` is called after each success. */
export function setUpSignIn(onSignedIn) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(onSignedIn);
  });
  byId("switch-mode").addEventListener("click", () => {
    setMode(!creating);
    (creating ? fields.first_name : fields.email).focus();
  });
}

/** Empties the form and goes back to signing in. */
export function resetSignIn() {
  form.reset();
  setMode(false);
}

function setMode(create) {
  creating = create;
  clearProblem(form);
  const action = create ? "Create an account" : "Sign in";
  byId("sign-in-heading").textContent = action;
  form.querySelector("[type=submit]").textContent = action;
  byId("switch-mode").textContent = create ? "Sign in with an account you have" : "Create an account";
  byId("names").hidden = !create;
  byId("password-rule").hidden = !create;
  byId("sign-in-hint").hidden = create;
  fields.password.autocomplete = create ? "new-password" : "current-password";
}

async function send(onSignedIn) {
  clearProblem(form);
  const value = (name) => fields[name].value.trim();
  const email = value("email");
  const password = fields.password.value;
  if (!email || !password) {
    showProblem(form, "Both an e-mail address and a password are needed.");
    return;
  }
  const press = form.querySelector("[type=submit]");
  press.disabled = true;
  try {
    if (creating) {
      await register({ email, password, first_name: value("first_name"), last_name: value("last_name") });
      // From here on the account exists; should signing in fail, trying to make it again would be wrong.
      setMode(false);
    }
    await signIn(email, password);
    form.reset();
    onSignedIn();
  } catch (error) {
    showProblem(form, error);
  } finally {
    press.disabled = false;
  }
}
