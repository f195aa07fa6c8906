import { render } from "solid-js/web";
import { App } from "./App";
import { speak } from "./i18n";
import { kept } from "./state/local";
import "./styles/app.css";
import "./styles/presence.css";
import "./styles/timeline.css";
import "./styles/files.css";
import "./styles/overlays.css";
import "./styles/notify.css";
import "./styles/rich.css";

const root = document.getElementById("app");
// The server wrote the person's language on the page; a pseudo-language is for whoever looks for what breaks.
const language = kept("pseudo") ?? kept("language") ?? document.documentElement.lang;
if (root) void speak(language || "en").then(() => render(() => <App />, root));
