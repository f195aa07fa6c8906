import { render } from "solid-js/web";
import { App } from "./App";
import { speak } from "./i18n";
import "./styles/app.css";
import "./styles/presence.css";
import "./styles/timeline.css";
import "./styles/files.css";
import "./styles/overlays.css";
import "./styles/notify.css";
import "./styles/rich.css";

const root = document.getElementById("app");
// The server wrote the person's language on the page.
if (root) void speak(document.documentElement.lang || "en").then(() => render(() => <App />, root));
