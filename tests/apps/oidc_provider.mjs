// A provider of OpenID Connect, from npm's oidc-provider: ann signs in as soon as a browser asks, and no page wants an
// answer. Arguments: folder of modules, its port, the site's origin, where its back channel is.
const [modules, port, site, backChannel] = process.argv.slice(2);
const { Provider } = await import(`${modules}/oidc-provider/lib/index.js`);

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [{
    client_id: 'gateway', client_secret: 'secret', redirect_uris: [`${site}/.tidegate/callback`],
    post_logout_redirect_uris: [`${site}/open`], grant_types: ['authorization_code', 'refresh_token'],
    backchannel_logout_uri: backChannel, backchannel_logout_session_required: true,
  }],
  cookies: { keys: ['one of the test'] },
  claims: { openid: ['sub', 'sid'], email: ['email'] },
  conformIdTokenClaims: false,
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, email: `${id}@example.com` }) }),
  issueRefreshToken: async () => true,
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  async loadExistingGrant(ctx) {
    const grant = new ctx.oidc.provider.Grant({ clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId });
    grant.addOIDCScope('openid email profile');
    await grant.save();
    return grant;
  },
  features: {
    devInteractions: { enabled: false },
    backchannelLogout: { enabled: true },
    rpInitiatedLogout: {
      enabled: true,
      logoutSource(ctx, form) {
        ctx.body = `<!doctype html>${form}<script>
          const form = document.forms[0], yes = document.createElement('input');
          yes.type = 'hidden'; yes.name = 'logout'; yes.value = 'yes'; form.appendChild(yes); form.submit();
        </script>`;
      },
    },
  },
  ttl: { AccessToken: 3600, IdToken: 3600, Session: 3600, Grant: 3600, Interaction: 600, RefreshToken: 3600 },
});

provider.use(async (ctx, next) => {
  if (!ctx.path.startsWith('/interaction/')) {
    return next();
  }
  const { prompt } = await provider.interactionDetails(ctx.req, ctx.res);
  const result = prompt.name === 'login' ? { login: { accountId: 'ann' } } : { consent: {} };
  ctx.respond = false;
  return provider.interactionFinished(ctx.req, ctx.res, result);
});
for (const event of ['server_error', 'backchannel.error']) {
  provider.on(event, (_, error) => console.error(event, error));
}
provider.listen(port, '127.0.0.1');
