Coeff_Energy = 0.8
Coeff_Latency = 0.2
