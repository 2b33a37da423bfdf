// Behaviour of every page. docs/design.md lists the attributes that the modules read.

import "./dialog.js";
import "./submission.js";
import "./unsaved.js";
import "./toasts.js";
import "./combobox.js";
import "./collect.js";
import "./roving.js";
import "./finder.js";
import "./theme_switch.js";
import "./controls.js";
