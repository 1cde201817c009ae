// Declared interfaces in containers of a real docker: see engine_cases.ts.

import { engineCases } from "./engine_cases.ts";

await engineCases("docker");
