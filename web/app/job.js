// Follows one job: its stage and progress while it runs, cancel and retry, and how it ended.

import { cancelJob, getJob, retryJob } from "./api.js";
import { announce, button, count, el, when, words } from "./dom.js";
import { message } from "./problem.js";

const FIRST_POLL_MS = 250;
const SLOWEST_POLL_MS = 4000;
const BACK_OFF = 1.5;
/** How many failed polls in a row are put down to a restart of the server rather than shown as the end. */
const PATIENCE = 8;

/** The statuses of a job that will not change by itself any more. */
const OVER = new Set(["completed", "failed", "cancelled", "dead"]);
const RETRYABLE = new Set(["failed", "cancelled", "dead"]);

/**
 * Shows `job` in `root` and follows it until it completes, ends otherwise, or `signal` aborts.
 * After a retry it goes on following.
 * @param {HTMLElement} root
 * @param {object} job
 * @param {{signal: AbortSignal, onChange: (job: object) => void}} options `onChange` hears every new status
 */
export function followJob(root, job, { signal, onChange }) {
  const view = makeView(root);
  let current = job;
  let following = false;

  const show = (next) => {
    const changed = next.status !== current.status;
    current = next;
    view.show(next, actionsFor(next));
    if (changed) onChange(next);
  };

  const actionsFor = ({ status }) => {
    if (RETRYABLE.has(status)) return [["Try again", retryJob]];
    if (!OVER.has(status)) return [["Cancel", cancelJob]];
    return [];
  };

  const act = async (request, pressed) => {
    pressed.disabled = true;
    try {
      await request(current.id);
      const next = await getJob(current.id, signal);
      if (signal.aborted) return;
      show(next);
      if (!OVER.has(next.status)) follow();
    } catch (error) {
      if (signal.aborted) return;
      pressed.disabled = false;
      view.fail(message(error));
    }
  };
  view.onAction(act);

  const follow = async () => {
    if (following) return;
    following = true;
    let wait = FIRST_POLL_MS;
    let failures = 0;
    while (!OVER.has(current.status) && !signal.aborted) {
      await pause(wait, signal);
      if (signal.aborted) break;
      try {
        const before = current;
        const next = await getJob(current.id, signal);
        if (signal.aborted) break;
        failures = 0;
        show(next);
        // While something moves, looking again soon is worth it; a job that only waits is left in peace.
        wait = moved(before, next) ? FIRST_POLL_MS * 2 : Math.min(wait * BACK_OFF, SLOWEST_POLL_MS);
      } catch (error) {
        if (signal.aborted) break;
        failures += 1;
        const final = error.status >= 400 && error.status < 500 && error.status !== 429;
        if (final || failures >= PATIENCE) {
          view.fail(message(error));
          break;
        }
        wait = Math.max(Math.min(wait * 2, SLOWEST_POLL_MS), (error.retryAfterSeconds ?? 0) * 1000);
      }
    }
    following = false;
  };

  view.show(current, actionsFor(current));
  onChange(current);
  follow();
}

function moved(before, next) {
  return before.status !== next.status
    || before.progress?.stage !== next.progress?.stage
    || before.progress?.done !== next.progress?.done;
}

/** What a job is doing, in words. */
function describe(job) {
  const { stage, done, total } = job.progress ?? {};
  const attempt = job.attempt > 1 ? ` (attempt ${job.attempt} of ${job.max_attempts})` : "";
  switch (job.status) {
    case "pending":
      return job.retry_at ? `Waits for its next attempt at ${when(job.retry_at)}${attempt}` : "Waits for its turn";
    case "processing": {
      const steps = total > 1 ? `, ${done} of ${total}` : "";
      return `${capitalised(words(stage || "processing"))}${steps}${attempt}`;
    }
    case "completed":
      return "Done";
    case "failed":
      return "This document cannot be processed";
    case "dead":
      return `Given up after ${count(job.attempt, "attempt")}`;
    case "cancelled":
      return "Cancelled";
    default:
      return words(job.status);
  }
}

function makeView(root) {
  const label = el("p", { class: "job-label" });
  const bar = el("progress", { "aria-label": "Progress" });
  const reason = el("p", { class: "reason" });
  const actions = el("div", { class: "row" });
  let act = () => {};
  let said = "";
  root.replaceChildren(label, bar, reason, actions);

  return {
    onAction(listener) {
      act = listener;
    },
    show(job, offered) {
      const text = describe(job);
      label.textContent = text;
      // Each stage is said once; counting aloud would drown everything else.
      const spoken = `${job.status} ${job.progress?.stage ?? ""}`;
      if (spoken !== said) announce(text);
      said = spoken;

      const { done, total } = job.progress ?? {};
      bar.hidden = OVER.has(job.status);
      if (job.status === "processing" && total > 0) {
        bar.max = total;
        bar.value = done;
      } else {
        bar.removeAttribute("value"); // An indeterminate bar: busy, no measure.
      }
      reason.textContent = job.error_message ?? "";
      reason.hidden = !job.error_message;
      const key = offered.map(([name]) => name).join();
      if (actions.dataset.key !== key) {
        actions.dataset.key = key;
        actions.replaceChildren(...offered.map(([name, request]) =>
          button(name, (event) => act(request, event.currentTarget))));
      } else {
        for (const pressed of actions.children) pressed.disabled = false;
      }
    },
    fail(text) {
      reason.textContent = text;
      reason.hidden = false;
      announce(text);
    },
  };
}

function capitalised(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Waits, but not beyond the end of `signal`. */
function pause(milliseconds, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => { clearTimeout(timer); resolve(); }, { once: true });
  });
}
