// A phone by JsSIP, as small as a site would write it. The tests call `phone`.
"use strict";

window.phone = {
  agent: null,
  session: null,
  ear: null,
  state: {registered: false, connected: false, refused: "", ringing: false, progress: 0,
          established: false, ended: "", incoming: 0},

  start(url, uri, password, tone) {
    this.ear = new Ear(tone);
    const sockets = [new JsSIP.WebSocketInterface(url)];
    const agent = this.agent = new JsSIP.UA({
      sockets, uri, password, register: true, user_agent: "test page",
      connection_recovery_min_interval: 1,
    });
    const state = this.state;
    agent.on("connected", () => { state.connected = true; });
    agent.on("disconnected", () => { state.connected = state.registered = false; });
    agent.on("registered", () => { state.registered = true; });
    agent.on("unregistered", () => { state.registered = false; });
    agent.on("registrationFailed", (event) => {
      state.refused = String(event.response ? event.response.status_code : event.cause);
    });
    agent.on("newRTCSession", (event) => this.adopt(event.session, event.originator));
    agent.start();
  },

  adopt(session, originator) {
    const state = this.state;
    this.session = session;
    Object.assign(state, {ringing: originator === "remote", progress: 0, established: false,
                          ended: ""});
    state.incoming += originator === "remote";
    session.on("progress", (event) => {
      state.progress = event.response ? event.response.status_code : 180;
    });
    session.on("confirmed", () => { state.ringing = false; state.established = true; });
    session.on("ended", (event) => { this.over(`${event.originator} ${event.cause}`); });
    session.on("failed", (event) => { this.over(`${event.originator} ${event.cause}`); });
    const listen = (connection) => {
      connection.addEventListener("track", (event) => this.ear.listen(event.streams[0]));
    };
    if (session.connection) {
      listen(session.connection);
    } else {
      session.on("peerconnection", (event) => listen(event.peerconnection));
    }
  },

  over(why) {
    Object.assign(this.state, {ringing: false, established: false, ended: why});
    this.ear.analyser = null;
  },

  call(uri) {
    this.agent.call(uri, {mediaStream: this.ear.microphone,
                          mediaConstraints: {audio: true, video: false}});
  },

  answer() {
    this.session.answer({mediaStream: this.ear.microphone});
  },

  hangUp() {
    this.session.terminate();
  },

  heard() {
    return this.ear.heard();
  },
};
