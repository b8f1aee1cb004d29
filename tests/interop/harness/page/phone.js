// A phone in a page, as small as a site would write it. The tests call `phone` through the DevTools
// protocol. Its microphone is an oscillator; what it hears is measured by an analyser.
"use strict";

const FFT = 4096; // samples a spectrum: 12 Hz apart at 48 kHz

window.phone = {
  agent: null,
  session: null,
  audio: null,
  analyser: null,
  state: {registered: false, connected: false, refused: "", ringing: false, progress: 0,
          established: false, ended: "", incoming: 0},

  start(url, uri, password, tone) {
    this.audio = new AudioContext();
    const oscillator = this.audio.createOscillator();
    const destination = this.audio.createMediaStreamDestination();
    oscillator.frequency.value = tone;
    oscillator.connect(destination);
    oscillator.start();
    this.microphone = destination.stream;
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
      connection.addEventListener("track", (event) => this.listen(event.streams[0]));
    };
    if (session.connection) {
      listen(session.connection);
    } else {
      session.on("peerconnection", (event) => listen(event.peerconnection));
    }
  },

  over(why) {
    Object.assign(this.state, {ringing: false, established: false, ended: why});
    this.analyser = null;
  },

  listen(stream) {
    const speaker = new Audio(); // without one Chromium gives the analyser silence
    speaker.srcObject = stream;
    speaker.muted = true;
    speaker.play();
    this.analyser = this.audio.createAnalyser();
    this.analyser.fftSize = FFT;
    this.analyser.smoothingTimeConstant = 0;
    this.audio.createMediaStreamSource(stream).connect(this.analyser);
  },

  call(uri) {
    const options = {mediaStream: this.microphone, mediaConstraints: {audio: true, video: false}};
    this.agent.call(uri, options);
  },

  answer() {
    this.session.answer({mediaStream: this.microphone});
  },

  hangUp() {
    this.session.terminate();
  },

  // The loudest frequency that comes in, Hz, and its level, dB below full scale.
  heard() {
    if (!this.analyser) {
      return {frequency: 0, level: -200};
    }
    const bins = new Float32Array(this.analyser.frequencyBinCount);
    this.analyser.getFloatFrequencyData(bins);
    const loudest = bins.indexOf(Math.max(...bins));
    const level = Number.isFinite(bins[loudest]) ? bins[loudest] : -200;
    return {frequency: loudest * this.audio.sampleRate / FFT, level};
  },
};
