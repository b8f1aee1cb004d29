// What all pages share: a microphone that is an oscillator, and an ear that measures what comes in.
"use strict";

const FFT = 4096; // samples a spectrum: 12 Hz apart at 48 kHz

class Ear {
  constructor(tone) {
    this.audio = new AudioContext();
    const oscillator = this.audio.createOscillator();
    const destination = this.audio.createMediaStreamDestination();
    oscillator.frequency.value = tone;
    oscillator.connect(destination);
    oscillator.start();
    this.microphone = destination.stream;
    this.analyser = null;
  }

  listen(stream) {
    const speaker = new Audio(); // without one Chromium gives the analyser silence
    speaker.srcObject = stream;
    speaker.muted = true;
    speaker.play();
    this.analyser = this.audio.createAnalyser();
    this.analyser.fftSize = FFT;
    this.analyser.smoothingTimeConstant = 0;
    this.audio.createMediaStreamSource(stream).connect(this.analyser);
  }

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
  }
}
