// A phone by SIP.js with the interface of the one by JsSIP.
"use strict";

window.phone = {
  user: null,
  ear: null,
  state: {registered: false, connected: false, refused: "", ringing: false, progress: 0,
          established: false, ended: "", incoming: 0},

  start(url, uri, password, tone) {
    this.ear = new Ear(tone);
    const state = this.state;
    const media = () => Promise.resolve(this.ear.microphone);
    this.user = new SIPJS.SimpleUser(url, {
      aor: uri,
      userAgentOptions: {
        authorizationUsername: uri.split(/[:@]/)[1],
        authorizationPassword: password,
        sessionDescriptionHandlerFactory: SIPJS.defaultSessionDescriptionHandlerFactory(media),
      },
      delegate: {
        onServerConnect: () => { state.connected = true; },
        onServerDisconnect: () => { state.connected = state.registered = false; },
        onRegistered: () => { state.registered = true; },
        onUnregistered: () => { state.registered = false; },
        onCallReceived: () => {
          Object.assign(state, {ringing: true, established: false, ended: ""});
          state.incoming += 1;
        },
        onCallAnswered: () => {
          Object.assign(state, {ringing: false, established: true});
          this.ear.listen(this.user.remoteMediaStream);
        },
        onCallHangup: () => {
          Object.assign(state, {ringing: false, established: false, ended: "over"});
          this.ear.analyser = null;
        },
      },
    });
    this.user.connect().then(() => this.user.register());
  },

  call(uri) {
    Object.assign(this.state, {progress: 0, established: false, ended: ""});
    const onProgress = (response) => { this.state.progress = response.message.statusCode; };
    this.user.call(uri, {}, {requestDelegate: {onProgress}});
  },

  answer() {
    this.user.answer();
  },

  hangUp() {
    this.user.hangup();
  },

  heard() {
    return this.ear.heard();
  },
};
