import { Lab } from "../lab/lab.ts";
Deno.test("x", async () => {
  const lab = await Lab.create({nodes:1});
  const n = lab.nodes[0]!;
  n.startAgent({settings:{"log-level":"debug"}});
  await n.conflist();
  await new Promise(r=>setTimeout(r,500));
  for (let i=0;i<15;i++) {
    const t=performance.now();
    await n.run(["rm","-rf","/run/wigglenet"]);
    let ok=false;
    for (let k=0;k<60;k++) { const o=await n.attempt(["cat",n.conflistPath]); if (o.code===0) {ok=true;break;} await new Promise(r=>setTimeout(r,50)); }
    console.log(i, ok, performance.now()-t);
    await new Promise(r=>setTimeout(r,300));
  }
  console.log(n.agent!.stderr.join("\n"));
  await lab.close();
});
