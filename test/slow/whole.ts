// Imported before laws: all of each is tried.

import { tryWhole } from "../laws/share.ts";

tryWhole();
