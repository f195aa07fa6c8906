import { render } from "solid-js/web";
import { App } from "./App";
import "./styles/app.css";
import "./styles/presence.css";
import "./styles/timeline.css";
import "./styles/files.css";
import "./styles/overlays.css";
import "./styles/notify.css";

const root = document.getElementById("app");
if (root) render(() => <App />, root);
