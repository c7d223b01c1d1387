// Runs http.dev's cache-tests through a gateway, and prints what each test found: true, or why not.
//   node cache_tests.mjs NODE_MODULES http://127.0.0.1:PORT
const [modules, base] = process.argv.slice(2)
const suite = `${modules}/http-cache-tests`
const { runTests, getResults } = await import(`${suite}/client/runner.mjs`)
const { default: fetch } = await import(`${modules}/node-fetch/lib/index.mjs`)
const { default: tests } = await import(`${suite}/tests/index.mjs`)

await runTests(tests, fetch, false, base, 25)
const results = getResults()
const all = {}
for (const group of tests) {
  for (const test of group.tests) {
    if (test.id in results) all[test.id] = { kind: test.kind || 'required', name: test.name, result: results[test.id] }
  }
}
console.log(JSON.stringify(all))
